"""Fills `.venv`: `python3 tools/venv.py runtime` or `dev`. Standard library only, since nothing is installed yet.

uv does it in seconds, removes what the locks don't name, and is itself pinned in requirements-uv.lock; where it has no
wheel or can't reach the mirror, pip installs the same and removes nothing. Both check every hash. pip's variables count
for uv too, so that a machine is configured once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
OLDEST = (3, 11)
LOCKS = {"runtime": ("build", ""), "dev": ("build", "dev"), "bench": ("bench",), "notebook": ("notebook",)}
PEERS = VENV / "bench"
"""The benchmarks' peers and what they need, on PYTHONPATH for benchmarks alone."""
WEIGHTS = "requirements-weights.lock"
UV_NAMES = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_NO_INDEX": "UV_NO_INDEX",
    "PIP_DEFAULT_TIMEOUT": "UV_HTTP_TIMEOUT",
    "PIP_CERT": "SSL_CERT_FILE",
}


def main(kind: str) -> int:
    if kind not in LOCKS:
        print(f"usage: python3 tools/venv.py {'|'.join(LOCKS)}", file=sys.stderr)
        return 2
    if not (BIN / "python").exists():
        run([python(), "-m", "venv", "--clear", str(VENV)])
    if subprocess.run([str(BIN / "python"), "-c", "import pip"], check=False, capture_output=True).returncode:
        run([str(BIN / "python"), "-m", "ensurepip"])
    install(kind, use_uv=have_uv())
    return 0


def python() -> str:
    """This interpreter when it is new enough, else the first on the PATH that is."""
    if sys.version_info >= OLDEST:
        return sys.executable
    for name in ("python3.13", "python3.12", "python3.11", "python3.14"):
        found = shutil.which(name)
        if found and subprocess.run([found, "-c", ""], check=False, capture_output=True).returncode == 0:
            return found
    sys.exit("Python 3.11 or newer is needed. Install it, or name one: make PYTHON=/path/to/python3.12")


def have_uv() -> bool:
    """Whether the pinned uv is (now) in the venv."""
    pip = [str(BIN / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    lock = ROOT / "requirements-uv.lock"
    done = subprocess.run(
        [*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(lock)],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")] or ["pip gives no reason"]
        print(f"uv can't be had here, so pip does it, slower ({said[0].removeprefix('ERROR: ')})", file=sys.stderr)
    return done.returncode == 0


def install(kind: str, *, use_uv: bool) -> None:
    """The locked packages, the model weights for the tests (dev), and the project itself, editable; for bench its
    peers, apart from all that; for notebook the page they are read in, beside what dev holds."""
    if kind == "bench":
        shutil.rmtree(PEERS, ignore_errors=True)
        return add([["--target", str(PEERS), "--no-deps", "--require-hashes", *named(locks(kind))]], use_uv=use_uv)
    if kind == "notebook":
        return add([["--no-deps", "--require-hashes", *named(locks(kind))]], use_uv=use_uv)
    if use_uv and run([str(BIN / "uv"), "pip", "sync", "--quiet", *synced(kind)], check=False, more=uv_settings()) == 0:
        steps: list[list[str]] = []
    else:
        steps = [["--require-hashes", *named(locks(kind))]]
        if kind == "dev":
            steps.append(["--require-hashes", "--no-deps", *named([WEIGHTS])])
    return add([*steps, ["--no-deps", "--no-build-isolation", "-e", "."]], use_uv=use_uv)


def add(steps: Sequence[Sequence[str]], *, use_uv: bool) -> None:
    for step in steps:
        if use_uv and run([str(BIN / "uv"), "pip", "install", "--quiet", *step], check=False, more=uv_settings()) == 0:
            continue
        # The locks name everything; pip, with hashes, stumbles over extras that it would resolve itself.
        pip = [str(BIN / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, *step, *(["--no-deps"] if "--no-deps" not in step else [])])


def synced(kind: str) -> list[str]:
    """Everything that may be in the venv: what no lock names is removed, or it would hide that a lock lacks it. A venv
    that the tests have been set up in keeps what they need."""
    kind = "dev" if (VENV / ".dev").exists() else kind
    return ["--require-hashes", *locks(kind), "requirements-uv.lock", *([WEIGHTS] if kind == "dev" else [])]


def locks(kind: str) -> list[str]:
    return [f"requirements-{name}.lock" if name else "requirements.lock" for name in LOCKS[kind]]


def named(files: Sequence[str]) -> list[str]:
    return [part for file in files for part in ("-r", file)]


def uv_settings(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """pip's variables under uv's names; what is set for uv itself wins. A folder that is not there is left out."""
    settings = {"VIRTUAL_ENV": str(VENV)}
    for theirs, ours in UV_NAMES.items():
        value = environ.get(theirs)
        if value and ours not in environ and (theirs != "PIP_FIND_LINKS" or "://" in value or Path(value).is_dir()):
            settings[ours] = value
    return settings


def run(command: Sequence[str], *, check: bool = True, more: Mapping[str, str] | None = None) -> int:
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **(more or {})}, check=False)
    if check and done.returncode:
        sys.exit(f"`{' '.join(command[:4])} ...` failed: see above.")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
