"""Imported by the fork server alone, before its first fork: from then on it heeds the request to import the rest."""

import signal

from agentos_assets.code_server.rest import SIGNAL, import_it

signal.signal(SIGNAL, import_it)
