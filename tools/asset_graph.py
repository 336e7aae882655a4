"""Writes tests/unit/asset_graph.txt, which a test holds: `python tools/asset_graph.py`. Whoever changes an asset sees
in the diff what became of the graph and of the schemas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "tests" / "unit" / "asset_graph.txt"


def text() -> str:
    from agentos_assets.definitions import defs

    graph = defs().get_repository_def().asset_graph
    nodes = [graph.get(key) for key in sorted(graph.get_all_asset_keys(), key=lambda key: key.to_user_string())]
    return "\n".join(line for node in nodes for line in _asset(graph, node))


def _asset(graph: Any, node: Any) -> list[str]:
    kinds = ", ".join(sorted(node.kinds))
    partitions = type(node.partitions_def).__name__ if node.partitions_def else "one"
    made = "made here" if node.is_materializable else "reported"
    lines = [
        f"{node.group_name}/{node.key.to_user_string()}  [{kinds}]  {partitions}, {made}, {', '.join(node.owners)}",
        f"    from {', '.join(sorted(key.to_user_string() for key in node.parent_keys)) or 'nothing'}",
    ]
    if node.automation_condition:
        lines.append(f"    when {node.automation_condition.get_label() or node.automation_condition}")
    checks = sorted(key.name for key in node.check_keys)
    lines += [f"    check {name}" for name in checks]
    schema = node.metadata.get("dagster/column_schema")
    lines += [f"    {column.name}: {column.type}" for column in schema.columns] if schema else []
    return [*lines, ""]


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
