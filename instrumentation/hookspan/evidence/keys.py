"""The machine's key, Ed25519. The library for it comes with the extra `audit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from hookspan import atomic

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_BYTES: Final = 32
MISSING: Final = "`export.audit` needs the library `cryptography`: `pipx inject hookspan cryptography`"


class KeyTrouble(Exception):
    """There is no key to sign with, and why."""


class Key:
    """A private key. `public` is its public one, 64 hex digits."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw().hex()

    @classmethod
    def of(cls, path: Path) -> Self:
        """The one that `path` holds; made there (0600) at its first use. Raises KeyTrouble and OSError.

        A file that holds something else is left alone: it may be a key that somebody can still mend.
        """
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
        except ImportError as error:
            raise KeyTrouble(MISSING) from error
        try:
            secret = path.read_bytes()
        except FileNotFoundError:
            key = Ed25519PrivateKey.generate()
            atomic.write(path, key.private_bytes_raw(), mode=0o600)
            return cls(key)
        if len(secret) != _BYTES:
            raise KeyTrouble(f"{path} holds no key: put the right one back, or delete it for a new one")
        return cls(Ed25519PrivateKey.from_private_bytes(secret))

    def sign(self, data: bytes) -> str:
        """The signature of some bytes, 128 hex digits, always the same."""
        return self._private.sign(data).hex()


def public_of(path: Path) -> str:
    """The public key of the one in a file, which it needn't hold; empty then. Raises KeyTrouble and OSError."""
    return Key.of(path).public if path.exists() else ""


def is_signed(data: bytes, signature: str, public: str) -> bool:
    """Whether a signature is that of this key for these bytes. Raises KeyTrouble without the library."""
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    except ImportError as error:
        raise KeyTrouble(MISSING) from error
    try:
        raw = bytes.fromhex(signature)
        if raw.hex() != signature:  # the same bytes, written in another way
            return False
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(raw, data)
    except (InvalidSignature, ValueError):
        return False
    return True
