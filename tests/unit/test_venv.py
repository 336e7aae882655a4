from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def venv() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tools_venv", ROOT / "tools" / "venv.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pips_variables_count_for_uv(venv: ModuleType, tmp_path: Path) -> None:
    settings = venv.uv_settings(
        {"PIP_INDEX_URL": "mirror", "PIP_FIND_LINKS": str(tmp_path), "PIP_CERT": "ca.pem", "PIP_DEFAULT_TIMEOUT": "180"}
    )
    assert settings == {
        "VIRTUAL_ENV": str(ROOT / ".venv"),
        "UV_DEFAULT_INDEX": "mirror",
        "UV_FIND_LINKS": str(tmp_path),
        "SSL_CERT_FILE": "ca.pem",
        "UV_HTTP_TIMEOUT": "180",
    }


def test_what_is_set_for_uv_itself_wins(venv: ModuleType) -> None:
    settings = venv.uv_settings({"PIP_INDEX_URL": "mirror", "UV_DEFAULT_INDEX": "other"})
    assert "UV_DEFAULT_INDEX" not in settings


def test_a_folder_of_wheels_that_is_not_there_is_left_out(venv: ModuleType, tmp_path: Path) -> None:
    assert "UV_FIND_LINKS" not in venv.uv_settings({"PIP_FIND_LINKS": str(tmp_path / "gone")})


def test_every_lock_it_installs_exists(venv: ModuleType) -> None:
    for names in venv.LOCKS.values():
        for name in names:
            assert (ROOT / (f"requirements-{name}.lock" if name else "requirements.lock")).is_file()


def test_the_development_lock_pins_what_the_runtime_lock_pins() -> None:
    def pins(name: str) -> set[str]:
        lines = (ROOT / name).read_text("utf-8").splitlines()
        return {line.partition(" ")[0] for line in lines if "==" in line and line[0] not in " #"}

    assert pins("requirements.lock") <= pins("requirements-dev.lock")


def test_what_no_lock_names_does_not_stay(venv: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venv, "VENV", tmp_path)
    assert venv.synced("runtime") == [
        "--require-hashes", "requirements-build.lock", "requirements.lock", "requirements-uv.lock",
    ]  # fmt: skip
    (tmp_path / ".dev").touch()
    assert {"requirements-dev.lock", "requirements-weights.lock"} <= set(venv.synced("runtime"))
    assert venv.synced("runtime") == venv.synced("dev")
