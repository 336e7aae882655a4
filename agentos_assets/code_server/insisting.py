"""In a run: a request to end is made again until it is heeded.

Dagster raises an exception wherever the run happens to be. Python itself, a library's import or an event loop may
swallow it there, and the run would go on as if nobody had asked.
"""

from __future__ import annotations

import os
import signal
import threading
import time

AGAIN = 3.0
"""Seconds for a run to end once it was asked: less than `agentos up` and a reload give it. What is being done
outside has as long to finish; what is cut off then is looked up by the next run."""
REQUESTS = {signal.SIGINT, signal.SIGTERM}


def insist(again: float = AGAIN) -> None:
    """From the main thread, once. Python tells of a signal over the pipe whatever becomes of its handler.

    Neither may the run fork, whose children would write to the pipe, nor an event loop take signals over.
    """
    heard, line = os.pipe()
    os.set_blocking(line, False)
    signal.set_wakeup_fd(line, warn_on_full_buffer=False)
    threading.Thread(target=_ask_again, args=(heard, again), name="insisting", daemon=True).start()


def _ask_again(heard: int, again: float) -> None:
    while signals := os.read(heard, 64):
        if asked := REQUESTS.intersection(signals):
            time.sleep(again)
            os.kill(os.getpid(), min(asked))
