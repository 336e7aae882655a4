"""Sealing payloads per client with AES-SIV (RFC 5297): authenticated, and the same bytes seal to the same bytes,
so that equal blobs stay one file and no nonce can ever repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentos.errors import AgentOSError, Refused
from agentos.secrets.keyring import KeyRing

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

MARK = b"\x01"
"""First byte of sealed bytes; JSON and zstd never begin with it."""


class Sealer:
    def __init__(self, keys: KeyRing) -> None:
        self.keys = keys
        self._ciphers: dict[bytes, AESSIV] = {}

    def seal(self, subject: str, context: str, plain: bytes) -> bytes:
        """`context` (an event id, "blob") is authenticated too: sealed bytes can't be moved to another place."""
        key = self.keys.get_or_make(subject)
        if key is None:
            raise Refused(f"client {subject} was forgotten: nothing more is recorded of it", code="client.forgotten")
        return MARK + self._cipher(key).encrypt(plain, [subject.encode(), context.encode()])

    def open(self, subject: str, context: str, sealed: bytes) -> bytes | None:
        """The plain bytes, or None when the client was forgotten. Raises AgentOSError when the bytes were altered."""
        from cryptography.exceptions import InvalidTag

        key = self.keys.get(subject)
        if key is None:
            return None
        try:
            return self._cipher(key).decrypt(sealed[1:], [subject.encode(), context.encode()])
        except InvalidTag:
            raise AgentOSError(
                f"sealed data of client {subject} does not open with its key",
                hint="Run `agentos log verify`; restore the keys folder from its backup.",
                code="log.seal_broken",
            ) from None

    def _cipher(self, key: bytes) -> AESSIV:
        """Kept, because making one costs as much as sealing 2 KB. A key that was destroyed is never asked for again."""
        if key not in self._ciphers:
            from cryptography.hazmat.primitives.ciphers.aead import AESSIV

            self._ciphers[key] = AESSIV(key)
        return self._ciphers[key]
