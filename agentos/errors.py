"""Errors that cross a boundary. Every one carries a stable code and says what to do next."""

from __future__ import annotations


class AgentOSError(Exception):
    """An expected failure: one sentence for a person, a code for a program, a hint for what to do next.

    `code` is stable across versions ("workspace.not_found"); `hint` is a command or an edit, never a stack trace.
    Messages never hold a secret: put ids and file names in them, not values of keys.
    """

    code = "error"

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class WorkspaceError(AgentOSError):
    """A file of the workspace is wrong. `where` is "agentos.toml:12" (file and line) when known."""

    code = "workspace.invalid"

    def __init__(self, message: str, *, where: str = "", hint: str = "", code: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message, hint=hint, code=code)
        self.where = where


class Missing(AgentOSError):
    """Something is not configured yet and is needed now; it becomes a question to the operator, not a crash."""

    code = "workspace.missing"

    def __init__(self, what: str, *, where: str, hint: str = "") -> None:
        super().__init__(f"{what} is not set ({where}).", hint=hint)
        self.what = what
        self.where = where


class Refused(AgentOSError):
    """A claim was refused inside its write transaction: nothing was written."""

    code = "refused"


class Conflict(Refused):
    """A row with this key, id or sequence number exists already: what was to be recorded is recorded."""

    code = "log.conflict"


class StorageError(AgentOSError):
    """Our own log or blobs can't be written just now: nothing was recorded, and the run ends here. No fault of the work
    in hand, which goes on from the record as soon as they can."""

    code = "storage.failed"


class Outside(AgentOSError):
    """A failure of an outside system. Its class says what may be done about it."""

    code = "outside"


class Transient(Outside):
    """May work later. `retry_after` in seconds when the system named one (Retry-After)."""

    code = "outside.transient"

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str = "", code: str = "") -> None:
        super().__init__(message, hint=hint, code=code)
        self.retry_after = retry_after


class Permanent(Outside):
    """Will not work however often it is tried."""

    code = "outside.permanent"


class InDoubt(Outside):
    """It was sent and no answer came: it may have happened. Never retried; found, or a card for the operator."""

    code = "outside.in_doubt"
