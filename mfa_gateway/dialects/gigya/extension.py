"""Extensions: the word of a site's server that a session with `sessionExpiration=-1` goes on.

    gltexp_<apiKey> = <exp>_<signature>              over <token>_<exp>             with the site's secret
                      <exp>_<userKey>_<signature>    over <token>_<exp>_<userKey>   with that of a user key

`exp` is in seconds since 1970, the signature HMAC-SHA1 in base64 (spec/gigya.md section 4.3). The server writes the
cookie anew as long as its user is active. What stays out: which sessions need it (core.entrance.visitors).
"""

import hmac
from typing import Final
from urllib.parse import unquote

from mfa_gateway.dialects.gigya.signature import read_signature
from mfa_gateway.dialects.gigya.sites import GigyaSite

# Seconds have ten digits until the year 2286.
_DIGITS: Final = 10


def extends(written: str, token: str, site: GigyaSite, *, now_ms: int) -> bool:
    """Whether a cookie says, signed, that the session of this token goes on now."""
    ends, _, rest = unquote(written).partition("_")
    key, _, shown = rest.rpartition("_")
    secret, signature = _secret(key, site), read_signature(shown)
    if secret is None or signature is None or not (ends.isascii() and ends.isdigit() and len(ends) == _DIGITS):
        return False
    signed = "_".join(filter(None, (token, ends, key)))
    is_right = hmac.compare_digest(hmac.digest(secret, signed.encode(), "sha1"), signature)
    return is_right and now_ms < int(ends) * 1000


def _secret(key: str, site: GigyaSite) -> bytes | None:
    if not key:
        return site.secret
    found = site.user_keys.get(key)
    return None if found is None else found.secret
