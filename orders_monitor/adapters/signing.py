"""Keys and signatures: Ed25519 (RFC 8032) by the `cryptography` library, as base64 text."""

import base64
import binascii
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from orders_monitor.core.errors import SigningRefused

if TYPE_CHECKING:
    # Heavy: only who signs or verifies pays for it.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def new_key() -> tuple[str, str]:
    """A private key and its public key, each 32 bytes as base64."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - heavy

    private = Ed25519PrivateKey.generate()
    return _text(private.private_bytes_raw()), _text(private.public_key().public_bytes_raw())


def public_key(private: str) -> str:
    """The public key that belongs to a private one. Raises SigningRefused."""
    return _text(_private(private).public_key().public_bytes_raw())


def write_key(private: str, path: Path) -> None:
    """Keep a private key in a new file that only its owner reads. Raises SigningRefused; a file is never replaced."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise SigningRefused(why=f"{path} exists, and a key is never overwritten: move it away first") from None
    except OSError as error:
        raise SigningRefused(why=f"the key cannot be written to {path}: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{private}\n")


def read_key(path: Path) -> str:
    """The private key of a file that nobody else can read. Raises SigningRefused."""
    try:
        mode = path.stat().st_mode
        private = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise SigningRefused(why=f"there is no key that can be read in {path}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SigningRefused(why=f"{path} can be read by others: chmod 600 it, or make another key")
    return private


def sign(private: str, text: str) -> str:
    """The signature of a text. Raises SigningRefused where the key is none."""
    return _text(_private(private).sign(text.encode()))


def is_signed(public: str, text: str, signature: str) -> bool:
    """Whether the private key of this public one signed this text; no where key or signature cannot be read."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - heavy, and only who verifies needs it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - as above

    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        key.verify(base64.b64decode(signature, validate=True), text.encode())
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def _private(private: str) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - heavy

    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(private.strip(), validate=True))
    except ValueError:
        # Not chained, and not quoted: whatever it is, somebody keeps it secret.
        raise SigningRefused(
            why="the key is not 32 bytes in base64, as `orders-monitor reviewer add` writes it"
        ) from None


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
