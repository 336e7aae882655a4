"""Our package names are common words: these tests hold that ours are the ones imported, and that they stay light."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agentos", "agents", "graphs", "agentos_assets", "desk")
HEAVY = ("dagster", "great_expectations", "langchain_openai", "langgraph", "pandas", "polars", "weaviate")


@pytest.mark.parametrize("name", PACKAGES)
def test_the_imported_package_is_ours(name: str) -> None:
    origin = importlib.import_module(name).__file__
    assert origin is not None
    assert Path(origin) == ROOT / name / "__init__.py"


def test_no_other_distribution_brings_a_package_of_our_names() -> None:
    for name in PACKAGES:
        owners = set(metadata.packages_distributions().get(name, ()))
        assert owners <= {"agentos-solo"}, f"{owners} also install a package {name}"


def test_importing_the_kernel_and_the_agents_stays_light() -> None:
    modules = [f"agentos.{path.stem}" for path in (ROOT / "agentos").glob("*.py") if path.stem != "__init__"]
    modules += [f"agents.{path.stem}" for path in (ROOT / "agents").glob("*.py") if path.stem != "__init__"]
    code = f"import sys, {', '.join(modules)}\nprint(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == ""


def imported() -> dict[str, str]:
    """Top-level package -> a file of ours that imports it, at the top or inside a function."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                    names = [node.module]
                found |= {name.partition(".")[0]: path.relative_to(ROOT).as_posix() for name in names}
    return found


def test_what_we_import_is_declared() -> None:
    """A package that only comes along with another one can go away with its next release."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {re.split(r"[^\w.-]", name)[0].lower().replace("_", "-") for name in project["dependencies"]}
    owners = metadata.packages_distributions()
    missing = {
        name: where
        for name, where in imported().items()
        if name not in PACKAGES
        and name not in sys.stdlib_module_names
        and not {owner.lower().replace("_", "-") for owner in owners.get(name, ())} & declared
    }
    assert missing == {}


def test_reading_the_log_and_folding_a_task_needs_no_pydantic() -> None:
    """Validation is for the write edge: see docs/decisions/0003."""
    code = "import sys, agentos.events.sqlite, agentos.tasks.state\nprint('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False"


def test_great_expectations_is_imported_in_one_place_that_nothing_imports_before_it_checks() -> None:
    """It takes seconds and 200 MB: a command, a sensor or a run that checks nothing must not pay for it."""
    (place,) = [path for name, path in imported().items() if name == "great_expectations"]
    assert place == "agentos/expectations/great.py"
    light = "agentos_assets.definitions, desk.main, desk.commands.check, desk.commands.status, agentos.expectations"
    found = "sorted({'great_expectations', 'pandas'} & set(sys.modules))"
    code = f"import sys, {light}.published; print(*{found})"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == ""
