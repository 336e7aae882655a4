"""Writes agentos_assets/views/declared.json from the catalogue of views: `python tools/declared_views.py`; a
test holds it."""

from __future__ import annotations

import json


def text() -> str:
    """One view an object, one column a line, so that a change is seen in a diff."""
    from agentos.views.catalogue import VIEWS
    from agentos.views.lineage import lineage

    views = [
        {
            "name": view.name,
            "title": view.title,
            "description": view.description,
            "group": view.group,
            "key": view.key,
            "depends": view.depends,
            "dated": view.dated,
            "version": view.version,
        }
        for view in VIEWS.values()
    ]
    for view, raw in zip(VIEWS.values(), views, strict=True):
        sources = {name: [".".join(one) for one in found] for name, found in lineage(view).items()}
        raw["columns"] = [
            [name, str(column.dtype), column.description, sources[name]] for name, column in view.columns.items()
        ]
    return "[\n" + ",\n".join(_object(raw) for raw in views) + "\n]\n"


def _object(raw: dict[str, object]) -> str:
    columns = raw.pop("columns")
    assert isinstance(columns, list)  # noqa: S101  (narrows for the type checker)
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in raw.items()]
    rows = ",\n".join(f"    {json.dumps(column, ensure_ascii=False)}" for column in columns)
    return "\n".join([" {", *lines, '  "columns": [', rows, "  ]", " }"])


if __name__ == "__main__":
    from agentos_assets.views.declared import FILE

    FILE.write_text(text(), encoding="utf-8")
