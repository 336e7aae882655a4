"""How a command ends badly: one sentence and what to do next, never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from agentos.errors import AgentOSError
from desk.render.style import bad, clean, dim
from desk.session import Session, colours

MOST_SAID = 1000
"""Characters of an error: what was given may stand in it, and may be a megabyte."""
FAILED, USAGE, INTERRUPTED = 1, 2, 130


def guarded(call: Callable[[], Any], session: Session) -> int:
    """Run the command and turn whatever comes of it into an exit code."""
    try:
        result = call()
        sys.stdout.flush()
    except click.exceptions.Exit as asked:
        return asked.exit_code
    except click.UsageError as error:
        return _usage(error, session)
    except click.ClickException as error:
        return _say(session, "usage", error.format_message(), "", USAGE)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nInterrupted. Nothing is lost; tasks go on with `agentos resume`.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that closing says nothing either
        return FAILED
    except AgentOSError as error:
        return _say(session, error.code, error.message, error.hint, FAILED)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        hint = "Check that it is there, that it may be read and written, and that the disk is not full."
        return _say(session, "os", f"{where}{error.strerror or error}", hint, FAILED)
    except Exception as error:
        return _damaged(error, session) or _unexpected(error, session)
    finally:
        session.close()
    return result if isinstance(result, int) else 0


def _say(session: Session, code: str, message: str, hint: str, exit_code: int) -> int:
    message, hint = _short(message), _short(hint)
    if session.as_json:
        session.give({"error": {"code": code, "message": message, "hint": hint}})
        return exit_code
    click.echo(f"{bad('error:')} {clean(message)}", err=True, color=colours())
    if hint:
        click.echo(f"{dim('hint:')} {clean(hint)}", err=True, color=colours())
    return exit_code


def _short(text: str) -> str:
    """Both ends: what is wrong is often said after what was given."""
    half = MOST_SAID // 2
    return text if len(text) <= MOST_SAID else f"{text[:half]} … {text[-half:]}"


def _usage(error: click.UsageError, session: Session) -> int:
    command = error.ctx.command_path if error.ctx else "agentos"
    return _say(session, "usage", error.format_message(), f"{command} --help", USAGE)


def _damaged(error: Exception, session: Session) -> int:
    """What reads a damaged log may end with anything: said is the damage, where the database or the stop file tells of
    it. 0 where neither does."""
    import apsw

    from agentos.damage import refuse_known
    from agentos.events.writer import malformed

    try:
        if isinstance(error, apsw.CorruptError | apsw.NotADBError):
            raise malformed(error)
        refuse_known(session.root)
    except AgentOSError as known:
        return _say(session, known.code, known.message, known.hint, FAILED)
    return 0


def _unexpected(error: Exception, session: Session) -> int:
    where = _write_down(error, session)
    hint = f"The traceback is in {where}." if where else "Its traceback could not be written."
    message = f"Something unexpected happened ({type(error).__name__}). What was recorded is safe."
    return _say(session, "unexpected", message, hint, FAILED)


def _write_down(error: Exception, session: Session) -> Path | None:
    """Into the workspace's state folder, or the temporary folder where there is none."""
    import tempfile
    import traceback

    try:
        folder = session.root / "state" / "errors"
        folder.mkdir(parents=True, exist_ok=True)
    except (AgentOSError, OSError):
        folder = Path(tempfile.gettempdir())
    path = folder / f"agentos-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.txt"
    try:
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return None
    return path
