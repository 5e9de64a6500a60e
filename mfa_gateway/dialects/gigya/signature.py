"""Signatures of the contract: over requests, and over the id of an account.

    request   base64(HMAC-SHA1(secret, METHOD & enc(url) & enc(name=enc(value)&...)))     spec/gigya.md section 4.2
    UID       base64(HMAC-SHA1(secret, timestamp_UID))                                     spec/gigya.md section 4.3

Secrets are the bytes behind base64. What stays out: comparing (core.entrance), and when a signature is too old.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, urlsplit

# RFC 3986 section 2.3: what is never encoded; `quote` leaves letters and digits alone as well.
_UNRESERVED: Final = "-._~"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_SHA1_BYTES: Final = 20


def signed_texts(method: str, urls: Iterable[str], parameters: Iterable[tuple[str, str]]) -> tuple[bytes, ...]:
    """What may have been signed of a request, one text for each address that it may have been sent to."""
    query = _encoded("&".join(f"{name}={_encoded(value)}" for name, value in sorted(parameters) if name != "sig"))
    addresses = dict.fromkeys(_normal(url) for url in urls)
    return tuple(f"{method.upper()}&{_encoded(address)}&{query}".encode() for address in addresses)


def _normal(url: str) -> str:
    """Scheme and host in lower case, and no port where it is the scheme's own."""
    parts = urlsplit(url)
    host = parts.netloc.lower()
    default = _DEFAULT_PORTS.get(parts.scheme.lower())
    return f"{parts.scheme.lower()}://{host.removesuffix(f':{default}')}{parts.path}"


def _encoded(text: str) -> str:
    return quote(text, safe=_UNRESERVED)


def read_signature(text: str) -> bytes | None:
    """The bytes of a signature, in either alphabet of base64; None for what is none."""
    try:
        found = b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        return None
    return found if len(found) == _SHA1_BYTES else None


def uid_signature_fits(shown: str, uid: str, seconds: int, *, secrets: Iterable[bytes]) -> bool:
    """Whether this account and moment were signed with any of these secrets. All of them are compared."""
    signature = read_signature(shown)
    text = f"{seconds}_{uid}".encode()
    found = [hmac.compare_digest(hmac.digest(secret, text, "sha1"), signature or b"") for secret in secrets]
    return any(found)


def uid_signature(secret: bytes, uid: str, seconds: int) -> str:
    """What a site's server believes that this account was logged in at that time by."""
    return b64encode(hmac.digest(secret, f"{seconds}_{uid}".encode(), "sha1")).decode("ascii")
