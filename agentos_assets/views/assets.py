"""An asset a view, all made by one step, since a refresh reads the log once for all of them."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from agentos_assets.event_log import EVENT_LOG
from agentos_assets.resources import PlatformResource
from agentos_assets.views.declared import Declared, declared
from agentos_assets.views.freshness import fresh
from agentos_assets.views.sources import sources_of

if TYPE_CHECKING:
    from agentos.views.refresh import Published

HISTORY = "history"


def view_assets() -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="views",
        specs=[spec_of(view) for view in declared()],
        can_subset=True,
        description="Reads what is new in the log and publishes the views as Parquet.",
    )
    def views(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[dg.MaterializeResult[None]]:
        from agentos.views.refresh import refresh

        wanted = {key.to_user_string() for key in context.selected_asset_keys}
        with platform.store() as store:
            published = refresh(store, wanted)
        for view in published.values():
            if view.name in wanted:
                yield _result(platform, view)

    return views


def spec_of(view: Declared) -> dg.AssetSpec:
    return dg.AssetSpec(
        view.name,
        description=f"{view.description}\n\nOne row for each {' and '.join(f'`{name}`' for name in view.key)}; "
        f"`agentos why {view.name} KEY` shows the events that a row comes from.",
        group_name=view.group,
        kinds={"polars", "parquet"},
        owners=["team:operator"],
        code_version=str(view.version),
        deps=[EVENT_LOG.key, HISTORY] if HISTORY in view.depends else list(view.depends),
        metadata={"dagster/column_schema": _schema(view), **sources_of(view)},
        automation_condition=fresh(dated=view.dated),
    )


def _schema(view: Declared) -> dg.TableSchema:
    columns = [dg.TableColumn(name, type, description) for name, type, description in view.columns]
    return dg.TableSchema(columns=columns, constraints=dg.TableConstraints([f"unique: {', '.join(view.key)}"]))


def today_at(root: Path) -> date:
    """The day it is where the business is."""
    from agentos.clock import SystemClock
    from agentos.workspace.zone import zone_of

    return SystemClock().now().astimezone(zone_of(root)).date()


def _result(platform: PlatformResource, view: "Published") -> dg.MaterializeResult[None]:
    from agentos_assets.views.shown import shown

    today = today_at(platform.root)
    return dg.MaterializeResult(
        asset_key=view.name,
        data_version=dg.DataVersion(view.digest[:16]),
        metadata={
            "dagster/row_count": view.rows,
            "new rows": view.new_rows,
            "up to event": view.seq,
            **{heading: dg.MetadataValue.md(text) for heading, text in shown(platform.root, view.name, today).items()},
        },
    )
