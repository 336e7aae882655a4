"""The clients' keys in one file that only the recovery passphrase opens: age's format (age-encryption.org/v1, scrypt),
so that the `age` tool opens it too."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path

import orjson

from agentos.backup.manifest import KEYS, Manifest
from agentos.errors import AgentOSError
from agentos.ids import digest

_NAME = re.compile(r"[0-9a-f]{32}\.key")
SHORTEST = 8
"""Characters of a passphrase. scrypt makes guessing slow, not impossible."""


def read_keys(folder: Path) -> dict[str, bytes]:
    """File name -> key. An empty one says that its client was forgotten, and must stay so."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.key"))}


def lock(keys: Mapping[str, bytes], passphrase: str) -> bytes:
    """Takes about a second by intention."""
    from pyrage import passphrase as age

    named = {name: base64.b64encode(key).decode() for name, key in keys.items()}
    return bytes(age.encrypt(orjson.dumps({"format": 1, "keys": named}), passphrase))


def unlock(data: bytes, passphrase: str) -> dict[str, bytes]:
    from pyrage import DecryptError
    from pyrage import passphrase as age

    try:
        named = orjson.loads(age.decrypt(data, passphrase))["keys"]
    except DecryptError:
        raise AgentOSError(
            "The passphrase does not open the keys of this backup.",
            hint="Try again; nothing was changed. It is the one that was given when this backup was made.",
            code="backup.passphrase",
        ) from None
    return {name: base64.b64decode(key) for name, key in named.items() if _NAME.fullmatch(name)}


def locked_keys(backup: Path, manifest: Manifest, elsewhere: Path | None) -> bytes:
    """The encrypted file: in the backup, or where `--keys` put it. Raises AgentOSError when it is not the one."""
    place = backup / KEYS if elsewhere is None else elsewhere
    if elsewhere is not None and elsewhere.is_dir():
        place = elsewhere / keys_name(backup)
    try:
        data = place.read_bytes()
    except OSError:
        raise AgentOSError(
            f"The keys of this backup are not at {place}.",
            hint="Name the folder that they were put into: --keys DIR",
            code="backup.no_keys",
        ) from None
    if digest(data) != manifest.keys_digest:
        raise AgentOSError(
            f"{place} is damaged, or belongs to another backup.",
            hint="Name the right one: --keys DIR",
            code="backup.keys",
        )
    return data


def keys_name(backup: Path) -> str:
    """The name of a backup's keys in a folder apart."""
    return f"{backup.name}.age"
