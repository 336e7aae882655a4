"""Imported by the fork server alone, before its first fork: from then on it heeds the request to import the rest."""

import os
import signal

from agentos_assets.code_server import rest

rest.server = os.getpid()
signal.signal(rest.SIGNAL, rest.import_it)
