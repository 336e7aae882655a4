"""What the fork server imports before its first fork: all that a run will need, and nothing but imports.

A thread, a gRPC channel, an open log or a Polars computation before the fork would hang or corrupt the child; a secret
would be inherited. The test of this file counts threads and sockets. A module that is missing is imported, or missed,
by the run itself. What only checks need, and takes seconds, is imported later (`rest.py`).
"""

from pkgutil import iter_modules
from types import MappingProxyType

import agents

DAGSTERS = (
    "alembic.command",
    "dagster._core.definitions.repository_definition.repository_data_builder",
    "dagster._core.execution.plan.active",
    "dagster._core.execution.plan.execute_plan",
    "dagster._core.executor.in_process",
    "dagster._core.instance.factory",
    "dagster._core.launcher.default_run_launcher",
    "dagster._core.run_coordinator",
    "dagster._core.secrets.env_file",
    "dagster._core.storage.event_log.sqlite",
    "dagster._core.storage.legacy_storage",
    "dagster._core.storage.local_compute_log_manager",
    "dagster._core.storage.migration.utils",
    "dagster._core.storage.root",
    "dagster._core.storage.runs.sqlite",
    "dagster._core.storage.schedules.sqlite",
    "dagster._core.system_config.composite_descent",
    "dagster._core.utility_ops",
    "dagster._core.workspace.autodiscovery",
    "dagster._grpc.impl",
    "dagster._utils.test.definitions",
    "sqlalchemy.dialects.sqlite",
    "upath.implementations.local",
)
OURS = (
    "agentos.effects.invoice.system",
    "agentos.effects.ledger.system",
    "agentos.effects.mail.system",
    "agentos.effects.site.system",
    "agentos.tasks.capabilities",
    "agentos.tasks.effects_step",
    "agentos_assets.crew",
    "agentos_assets.definitions",
    "agentos_assets.reporting",
    "graphs.advance",
    "graphs.choreography",
    "graphs.opening",
    *(f"agents.{module.name}" for module in iter_modules(agents.__path__)),
)
THIRD = (
    "anyio._backends._asyncio",
    "apsw",
    "babel.dates",
    "babel.numbers",
    "cryptography.hazmat.primitives.ciphers.aead",
    "facturx",
    "langchain_openai",
    "langgraph.graph",
    "pypdf",
    "rapidfuzz.fuzz",
    "stdnum.iban",
    "typst",
    "watchfiles",
)
"""What ours import where they use it."""
HEEDING = "agentos_assets.code_server.heeding"
MODULES = (*DAGSTERS, *OURS, *THIRD, HEEDING)
SETTINGS = MappingProxyType({
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "_RJEM_MALLOC_CONF": "narenas:1",
})  # fmt: skip
"""Environment of the fork server. Without the first two, what great_expectations imports (NumPy, Arrow) starts threads.
With the third Polars keeps what it frees in one place and not in one for each thread: a rebuild of views takes a tenth
less memory, and no more time on two processors."""
