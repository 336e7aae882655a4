"""The asset `sql_views`: every view as SQL, through a DuckDB file that holds no rows and is opened READ_ONLY always."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from agentos_assets.describe import table
from agentos_assets.resources import PlatformResource
from agentos_assets.views.declared import declared
from agentos_assets.views.freshness import fresh

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class ViewsDatabase(dg.ConfigurableResource):  # type: ignore[type-arg]  # dagster's own examples leave it open
    """dagster-duckdb over a workspace's `views.duckdb`; `workspace` as in PlatformResource.

    dagster-duckdb opens read-write unless told otherwise, and then waits for every reader.
    """

    workspace: str = ""

    @contextmanager
    def get_connection(self) -> Iterator["DuckDBPyConnection"]:
        from dagster_duckdb import DuckDBResource

        from agentos.views.read import folder_of
        from agentos.views.sql import FILE

        file = folder_of(PlatformResource(workspace=self.workspace).root) / FILE
        database = DuckDBResource(database=str(file), connection_config={"access_mode": "READ_ONLY"})
        with database.get_connection() as connection:
            yield connection


def sql_views() -> dg.AssetsDefinition:
    @dg.asset(
        name="sql_views",
        description="`state/views/views.duckdb`: an SQL view over each published view. Open it READ_ONLY.",
        group_name="overview",
        kinds={"duckdb", "sql"},
        owners=["team:operator"],
        code_version="1",
        deps=[view.name for view in declared()],
        automation_condition=fresh(),
    )
    def sql_views(platform: PlatformResource, views_database: ViewsDatabase) -> dg.MaterializeResult[None]:
        from agentos.views.sql import publish_sql

        path = publish_sql(platform.root)
        with views_database.get_connection() as connection:
            found = connection.execute(
                "SELECT view_name, column_count FROM duckdb_views() WHERE NOT internal"
            ).fetchall()
        rows = [[str(name), str(columns)] for name, columns in sorted(found)]
        return dg.MaterializeResult(
            metadata={"views": dg.MetadataValue.md(table(["view", "columns"], rows)), "file": path.name}
        )

    return sql_views
