"""Authorization: what a request presents, in the order of the contract (spec/gigya.md section 4.1).

    Authorization: Bearer   a JWT signed by a user key; else the token of a session
    secret                  of the site, or of `userKey`; only over TLS
    sig                     HMAC-SHA1 over the request: with a session's secret where `oauth_token` names one, else the
                            site's or the user key's
    oauth_token             of a session, over TLS
    login_token             of a session; the cookie `glt_<apiKey>` where nothing else is there

What can be compared here is compared here, in constant time. What has to be looked up is left to the core: sessions,
and whether a nonce was used before. What stays out: which method takes which credential (methods).
"""

import hmac
import re
from base64 import b64decode
from typing import Final, TypeGuard

import jwt
from jwt.types import Options

from mfa_gateway.core.entrance.visitors import (
    Credential,
    Nonce,
    Nothing,
    SessionShown,
    Signed,
    Vouched,
    signature_fits,
)
from mfa_gateway.dialects.gigya.bag import Bag
from mfa_gateway.dialects.gigya.errors import GigyaError, invalid
from mfa_gateway.dialects.gigya.extension import extends
from mfa_gateway.dialects.gigya.signature import read_signature, signed_texts
from mfa_gateway.dialects.gigya.sites import GigyaSite, UserKey
from mfa_gateway.dialects.wire import Received

# spec/gigya.md section 4.2: two minutes of skew are too much already.
_WINDOW_MS: Final = 120_000
# A nonce could come again as long as its timestamp is in the window, from the one end of it to the other, and a little
# longer by another replica's clock.
_KEEP_MS: Final = 2 * _WINDOW_MS + 10_000
# npm `gigya` writes milliseconds: seconds have ten digits until the year 2286.
_TIMESTAMP: Final = re.compile(r"[0-9]{10}(?:[0-9]{3})?", re.ASCII)
_LONGEST_NONCE: Final = 128
_LONGEST_TOKEN: Final = 8192
_SCHEME: Final = re.compile(r"(?:Bearer|OAuth) +(?P<token>[A-Za-z0-9\-._~+/]+)", re.ASCII | re.IGNORECASE)
_JWT_PARTS: Final = 3
# Fetch Metadata section 2.3: what requests of one's own pages, and of the address bar, say of themselves.
_OWN_SITES: Final = frozenset({"same-origin", "same-site", "none"})

_UNDATED: Final[Options] = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "require": ["iat", "jti"],
}


def credential_of(bag: Bag, received: Received, site: GigyaSite, *, is_script: bool) -> Credential | GigyaError:
    """What a request presents, or what is wrong with it. `is_script`: any page could include the answer (JSONP)."""
    if header := received.header(b"authorization"):
        return _of_header(header, received, site)
    if "secret" in bag.values:
        return _of_secret(bag, received, site)
    if "sig" in bag.values:
        return _of_signature(bag, received, site)
    if token := bag.get("oauth_token"):
        return SessionShown(token) if received.is_secure else GigyaError(403006)
    if token := bag.get("login_token"):
        return _of_browser(token, received, site)
    # A page of anybody's makes a browser send cookies (attacks U01).
    token = "" if is_script or _is_foreign(received) else cookie(received, f"glt_{site.site.name}")
    return _of_browser(token, received, site, is_ambient=True) if token else Nothing()


def _of_browser(token: str, received: Received, site: GigyaSite, *, is_ambient: bool = False) -> SessionShown:
    """A session as pages keep it: what a web toolkit writes behind the token is its own."""
    token = token.partition("|")[0]
    written = cookie(received, f"gltexp_{site.site.name}")
    is_extended = bool(written) and extends(written, token, site, now_ms=received.now_ms)
    return SessionShown(token, is_ambient=is_ambient, is_extended=is_extended)


def _is_foreign(received: Received) -> bool:
    """Whether a page of another site sends it. Browsers that say no more than its origin are taken at that."""
    if said := received.header(b"sec-fetch-site"):
        return said not in _OWN_SITES
    origin = received.header(b"origin")
    return bool(origin) and not any(url.startswith(f"{origin}/") for url in received.urls)


def cookie(received: Received, name: str) -> str:
    """A cookie; "" where there is none. Of several the first, which is the most specific one (RFC 6265 section 5.4)."""
    pairs = (pair.strip().partition("=") for pair in received.header(b"cookie").split(";"))
    return next((value for found, _, value in pairs if found == name), "")


def _of_header(header: str, received: Received, site: GigyaSite) -> Credential | GigyaError:
    found = _SCHEME.fullmatch(header)
    if found is None or len(header) > _LONGEST_TOKEN:
        return GigyaError(400008)
    token = found["token"]
    return _of_jwt(token, received, site) if token.count(".") == _JWT_PARTS - 1 else SessionShown(token)


def _of_jwt(token: str, received: Received, site: GigyaSite) -> Credential | GigyaError:
    """RFC 8725 section 3.1: the algorithm is ours to name, and the key is looked up, never taken along."""
    try:
        name = jwt.get_unverified_header(token).get("kid")
    except jwt.InvalidTokenError:
        return GigyaError(400008)
    key = site.user_keys.get(name) if isinstance(name, str) else None
    if key is None or key.public is None:
        return GigyaError(403005, "The supplied userkey was not found")
    try:
        # Dates are compared below, with the clock that is given.
        claims = jwt.decode(token, key.public, algorithms=["RS256"], options=_UNDATED)
    except jwt.InvalidTokenError:
        return GigyaError(403003)
    return _fresh(claims, received, key)


def _fresh(claims: dict[str, object], received: Received, key: UserKey) -> Credential | GigyaError:
    issued, ends, nonce = claims["iat"], claims.get("exp"), claims["jti"]
    if not _is_number(issued) or not (ends is None or _is_number(ends)) or not isinstance(nonce, str):
        return GigyaError(400008)
    if not _is_timely(int(issued) * 1000, received) or (ends is not None and int(ends) * 1000 <= received.now_ms):
        return GigyaError(403002)
    return Vouched(key.name, Nonce(key.name, nonce, _KEEP_MS)) if _is_nonce(nonce) else GigyaError(400008)


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _of_secret(bag: Bag, received: Received, site: GigyaSite) -> Credential | GigyaError:
    if not received.is_secure:
        return GigyaError(403006)
    key = _key_of(bag, site)
    if isinstance(key, GigyaError):
        return key
    shown = _decoded(bag.get("secret"))
    is_right = key.secret is not None and shown is not None and hmac.compare_digest(shown, key.secret)
    return Vouched(key.name) if is_right else GigyaError(403010, "Invalid parameter: secret")


def _decoded(secret: str) -> bytes | None:
    try:
        return b64decode(secret, validate=True)
    except ValueError:
        return None


def _key_of(bag: Bag, site: GigyaSite) -> UserKey | GigyaError:
    """Whose secret is meant: that of the user key, or the site's own."""
    name = bag.get("userKey")
    if not name:
        return UserKey("partner", site.secret)
    return site.user_keys.get(name) or GigyaError(403005, "The supplied userkey was not found")


def _of_signature(bag: Bag, received: Received, site: GigyaSite) -> Credential | GigyaError:
    token = bag.get("oauth_token")
    key = UserKey(f"session {token}") if token else _key_of(bag, site)
    if isinstance(key, GigyaError):
        return key
    signed = _signed(bag, received, key.name)
    if isinstance(signed, GigyaError):
        return signed
    if token:
        return SessionShown(token, signed)
    is_right = key.secret is not None and signature_fits(key.secret, signed.texts, signed.signature)
    return Vouched(key.name, signed.nonce) if is_right else GigyaError(403003)


def _signed(  # noqa: PLR0911 - one error for each thing that can be wrong
    bag: Bag, received: Received, signer: str
) -> Signed | GigyaError:
    stamp, nonce, signature = bag.need("timestamp"), bag.need("nonce"), read_signature(bag.get("sig"))
    if isinstance(stamp, GigyaError):
        return stamp
    if isinstance(nonce, GigyaError):
        return nonce
    if _TIMESTAMP.fullmatch(stamp) is None:
        return invalid("timestamp")
    if not _is_nonce(nonce):
        return invalid("nonce")
    if not _is_timely(int(stamp.ljust(13, "0")), received):
        return GigyaError(403002)
    if signature is None:
        return GigyaError(403003)
    texts = signed_texts(received.asked.method, received.urls, bag.sent)
    return Signed(texts, signature, Nonce(signer, nonce, _KEEP_MS))


def _is_nonce(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_NONCE


def _is_timely(ms: int, received: Received) -> bool:
    return abs(received.now_ms - ms) <= _WINDOW_MS
