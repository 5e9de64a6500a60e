"""Signatures of what the gateway asks other systems, so that they know who asks and when.

The scheme is the symmetric one of the Standard Webhooks specification (v1), for which receivers find libraries. What
stays out: drawing ids, telling the time, and carrying anything.
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from typing import Final

# RFC 2104 section 3: keys shorter than the hash weaken it.
MIN_SIGNING_SECRET: Final = 32


def signature(secret: bytes, *, unique: str, sent: int, content: bytes) -> str:
    """The text "v1," and the base64 of HMAC-SHA-256 over `unique.sent.content`; `sent` is in seconds since 1970."""
    signed = f"{unique}.{sent}.".encode("ascii") + content
    return f"v1,{b64encode(hmac.digest(secret, signed, 'sha256')).decode('ascii')}"


def signature_headers(secret: bytes, *, unique: str, sent: int, content: bytes) -> Mapping[str, str]:
    """The three headers that a signed request carries."""
    return {
        "webhook-id": unique,
        "webhook-timestamp": str(sent),
        "webhook-signature": signature(secret, unique=unique, sent=sent, content=content),
    }


def request_content(method: str, target: str) -> bytes:
    """What is signed of a request without a body: method and target as they are on the request line."""
    return f"{method} {target}".encode("ascii")
