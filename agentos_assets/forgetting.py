"""Forgetting a client in Dagster's own store, which is neither sealed nor knows clients.

Amounts by client stand in the metadata of a few assets. Their runs and materialisations are deleted whole; the next run
shows the views again, made without that client.
"""

from __future__ import annotations

import dagster as dg

from agentos.errors import AgentOSError
from agentos_assets.backfills.what_if import NAME as WHAT_IF
from agentos_assets.glance.asset import NAME as GLANCE
from agentos_assets.views.declared import declared

MOST_AT_ONCE = 500


def assets_about_clients() -> list[dg.AssetKey]:
    """Every view: a sum over all clients is that of one where there is only one. A what-if, for the same reason; and
    what tells of both."""
    return [dg.AssetKey(name) for name in (*(view.name for view in declared()), WHAT_IF, GLANCE)]


def wipe_clients(instance: dg.DagsterInstance) -> int:
    """Deletes every run that has shown these assets, and all that Dagster knows of them; how many runs there were.

    Killed on the way it has deleted a part: call it again. Raises AgentOSError while the file itself still holds what
    was deleted.
    """
    runs = set[str]()
    for key in assets_about_clients():
        while found := _some_runs(instance, key):
            for run in found:
                instance.delete_run(run)
            runs |= found
    instance.wipe_assets(assets_about_clients())
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
