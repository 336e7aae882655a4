"""`python -m agentos_assets.code_server SOCKET`: ours where Dagster lets us, else Dagster's own, which is said.

A file of this name is not run once more in every run, as `multiprocessing` does with other main modules.
"""

from __future__ import annotations

import os
import sys

from agentos_assets.children import TO_OPERATOR
from agentos_assets.code_server.preload import SETTINGS
from agentos_assets.code_server.processes import ForkedRuns
from agentos_assets.environment import OWN, harmless
from agentos_assets.home import MODULE, stock_code_server


def main(socket: str) -> None:
    everything = dict(os.environ)
    runs = ForkedRuns(everything)
    for name in everything.keys() - harmless(everything).keys() - set(OWN):
        del os.environ[name]
    os.environ.update(SETTINGS)
    runs.warm_up()  # imports while this process imports, too

    from agentos_assets.code_server.server import serve, unsupported

    if why := unsupported():
        print(f"{TO_OPERATOR}Runs start slowly: {why}. Dagster's own code server is used.", flush=True)
        os.environ.update(everything)
        os.execv(sys.executable, [sys.executable, *stock_code_server(socket)])  # noqa: S606 - no shell, our own words
    serve(socket, MODULE, runs)


if __name__ == "__main__":
    main(sys.argv[1])
