"""Forgetting a client in Dagster's own store, which is neither sealed nor knows clients.

Amounts by client stand in the metadata of a few assets. Their runs and materialisations are deleted whole; the next run
shows the views again, made without that client.
"""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from agentos.errors import AgentOSError
from agentos_assets.views.declared import declared

MOST_AT_ONCE = 500


def assets_about_clients() -> list[dg.AssetKey]:
    """Views with a column `client`, and what is made of them: their metadata may show amounts by client."""
    named = {view.name for view in declared() if any(column == "client" for column, *_ in view.columns)}
    return [dg.AssetKey(view.name) for view in declared() if view.name in named]


def wipe_clients(instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey] | None = None) -> int:
    """Deletes every run that has shown these assets, and all that Dagster knows of them; how many runs there were.

    Killed on the way it has deleted a part: call it again. Raises AgentOSError while the file itself still holds what
    was deleted.
    """
    wiped = list(keys) if keys is not None else assets_about_clients()
    runs = set[str]()
    for key in wiped:
        while found := _some_runs(instance, key):
            for run in found:
                instance.delete_run(run)
            runs |= found
    instance.wipe_assets(wiped)
    _overwrite(instance)
    return len(runs)


def _some_runs(instance: dg.DagsterInstance, key: dg.AssetKey) -> set[str]:
    records = instance.fetch_materializations(key, limit=MOST_AT_ONCE).records
    return {record.run_id for record in records}


def _overwrite(instance: dg.DagsterInstance) -> None:
    """A deleted row stays readable in the file and in its write-ahead log until both are written anew."""
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]  # of SQL storages
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("VACUUM")
            busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            if busy:
                raise AgentOSError(
                    "What was deleted from Dagster's store is still in its file, since somebody reads it.",
                    hint="Stop `agentos up`, then try again.",
                    code="forget.dagster",
                )
