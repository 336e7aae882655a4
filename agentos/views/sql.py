"""`views.duckdb`: an SQL view over each published file. It holds no rows, so whoever opens it READ_ONLY meets no lock
and reads what is published then."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from agentos.secrets.keyring import sync_folder
from agentos.views.catalogue import VIEWS, View
from agentos.views.cursor import made_by
from agentos.views.files import only_writer, publish
from agentos.views.read import folder_of, path_of

FILE = "views.duckdb"


def publish_sql(root: Path) -> Path:
    """Build it aside and rename it into place, where a view was added or changed or the workspace has moved. Its text
    stands beside it in `views.sql`."""
    folder = folder_of(root)
    path, text = folder / FILE, folder / "views.sql"
    sql = "\n\n".join(_statement(root.resolve(), view) for view in VIEWS.values() if path_of(root, view.name).exists())
    with only_writer(folder):
        if not path.exists() or not text.exists() or text.read_text() != sql:
            _build(path, sql)
            publish(text, sql.encode())
    return path


def _build(path: Path, sql: str) -> None:
    import duckdb

    aside = path.with_name(f".{path.name}.part")
    for old in (aside, aside.with_name(f"{aside.name}.wal")):  # a killed writer's may be there
        with suppress(FileNotFoundError):
            old.unlink()
    with duckdb.connect(aside) as connection:
        connection.execute(sql)
    os.chmod(aside, 0o600)
    os.replace(aside, path)
    sync_folder(path.parent)


def _statement(root: Path, view: View) -> str:
    columns = ", ".join(_quoted(name) for name in view.columns)
    file = str(path_of(root, view.name)).replace("'", "''")
    said = [_comment(f"VIEW {_quoted(view.name)}", view.description)]
    said += [
        _comment(f"COLUMN {_quoted(view.name)}.{_quoted(name)}", column.description)
        for name, column in view.columns.items()
    ]
    select = f"SELECT {columns} FROM read_parquet('{file}')"  # noqa: S608  (names of the catalogue)
    return "\n".join([f"-- {made_by(view)}", f"CREATE VIEW {_quoted(view.name)} AS {select};", *said])


def _comment(on: str, text: str) -> str:
    return f"COMMENT ON {on} IS '{text.replace(chr(39), chr(39) * 2)}';"


def _quoted(name: str) -> str:
    return f'"{name}"'
