"""Keys and signatures: Ed25519 (RFC 8032) by the `cryptography` library, as base64 text."""

import base64
import binascii
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
