"""Fuzzing what reads credentials: Authorization values, foreign tokens, tokens of our own, logout tokens.

Whatever comes, it names a caller or nobody. It names one only if it was signed with the key that the configuration
gives its issuer, and says plainly whom, for whom and until when: what a second, simple reader finds in it too.
"""

import base64
import json
from collections.abc import Coroutine
from typing import Any, Final

import structlog
from hypothesis import strategies as st

from mfa_gateway.core.account import Anonymous, Caller
from mfa_gateway.core.call import Call, CanonicalPath
from mfa_gateway.core.logout import Farewell, Hearsay
from mfa_gateway.core.session import Session
from mfa_gateway.identity.bearer import BearerIdentity
from mfa_gateway.identity.minting import BEARER_TYPE, Minter
from mfa_gateway.identity.own_key import OwnKey, draw_key, kept_key
from mfa_gateway.identity.own_tokens import OwnIssuer, OwnTokens
from mfa_gateway.identity.terms import BearerTerms, SharedSecret
from tests.attacks.fuzz.bytestrings import SCALARS, damaged, sometimes, trees
from tests.attacks.fuzz.target import Target
from tests.identity.conftest import HEADER, NOW, SECRET, forge, part

_OWN: Final = "https://gw.test"
_FOREIGN: Final = "https://shop.test"
_SID: Final = "0123456789abcdef" * 4 + "01234567"


class _NoSessions:
    """Nobody is logged in here, so that no token of ours may name anybody."""

    async def session_by_id(self, _sid: str) -> Session | None:
        return None


_KEY: Final = kept_key(draw_key())


async def _key() -> OwnKey:
    return _KEY


def _unwritten(_logger: Any, _name: str, _line: Any) -> Any:
    raise structlog.DropEvent


_MINTER: Final = Minter(_key)
IDENTITY: Final = BearerIdentity(
    [BearerTerms("shop", _FOREIGN, ("shop-api",), ("HS256",), SharedSecret(SECRET), logout_audience=("shop-api",))],
    clock=lambda: NOW,
    log=structlog.wrap_logger(None, processors=[_unwritten]),
    own=OwnTokens({_OWN: OwnIssuer("own")}, minter=_MINTER, sessions=_NoSessions(), clock=lambda: NOW),
)


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What it gives, if it has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("a token made the gateway wait")


_HEADERS: Final = st.one_of(
    st.just(HEADER),
    st.sampled_from(
        (b'{"alg":"none"}', b'{"alg":"nOnE"}', b'{"alg":"HS384"}', b'{"alg":"RS256","typ":"JWT"}', b"{}", b"[]",
        b"null",
         b'{"alg":"HS256","alg":"none"}', b'{"alg":"HS256","jwk":{}}', b'{"alg":"HS256","kid":"../../dev/null"}',
         b'{"alg":["HS256"]}', b'{"alg":"HS256","crit":["exp"]}', b'{"alg":"HS256","b64":false}',
         b'{"alg":"HS256","typ":"at+jwt"}',
         b'{"alg":"HS256","typ":"logout+jwt"}', b'{"alg":"HS256","kid":7}', b'{"alg":"HS256","x5u":"http://127.0.0.1/"}')
    ),
    trees(("alg", "typ", "kid", "jku", "crit", "enc")).map(lambda tree: json.dumps(tree).encode("utf-8",
    "surrogatepass")),
)  # fmt: skip
_NAMES: Final = ("iss", "aud", "sub", "exp", "iat", "nbf", "sid", "jti", "events", "nonce", "auth_time", "acr")
_RIGHT: Final[dict[str, Any]] = {"iss": _FOREIGN, "aud": "shop-api", "sub": "ada", "iat": NOW, "exp": NOW + 300}
_ISSUERS: Final = st.sampled_from((_FOREIGN, _FOREIGN, _OWN, _FOREIGN + "/", "https://shop.tes", [_FOREIGN], None))
_MOMENTS: Final = st.sampled_from((NOW, NOW + 1, NOW - 10_000, 0, -1, 1e18, "1", True, None, 2**70)) | SCALARS


@st.composite
def _payloads(draw: st.DrawFn) -> bytes:
    claims: Any = dict(_RIGHT)
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from(_NAMES))
        values = {"iss": _ISSUERS, "exp": _MOMENTS, "iat": _MOMENTS, "nbf": _MOMENTS}.get(name, SCALARS | trees(_NAMES))
        claims[name] = draw(values)
    if sometimes(draw, 4):
        claims.pop(draw(st.sampled_from(_NAMES)), None)
    if sometimes(draw, 8):
        claims |= {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "sid": _SID}
    if sometimes(draw, 10):
        claims = draw(trees(_NAMES))
    written = json.dumps(claims).encode("utf-8", "surrogatepass")
    if sometimes(draw, 8):
        written = written[:-1] + b', "sub": "eve"}'
    return draw(damaged(written)) if sometimes(draw, 6) else written


@st.composite
def _tokens(draw: st.DrawFn) -> str:
    header, payload = draw(_HEADERS), draw(_payloads())
    # Most are signed as they should be, or no other check would ever be reached.
    signed = draw(st.integers(0, 9))
    if signed < 6:
        token = forge(header, payload)
    elif signed < 8:
        token = forge(header, payload, draw(st.sampled_from((b"0", b"secret", SECRET[:-1], _KEY.certificate.encode()))))
    elif signed == 8:
        token = _of_ours(header, payload)
    else:
        token = f"{part(header)}.{part(payload)}.{part(draw(st.binary(max_size=40)))}"
    return _spoilt(draw, token) if sometimes(draw, 6) else token


def _of_ours(header: bytes, payload: bytes) -> str:
    """Signed with the gateway's own key, which signs for other purposes as well."""
    try:
        claims, fields = json.loads(payload), json.loads(header)
    except (ValueError, RecursionError):
        return forge(header, payload)
    if not isinstance(claims, dict) or not isinstance(fields, dict):
        return forge(header, payload)
    claims |= {"iss": _OWN, "sid": _SID}
    chosen = {} if "typ" in fields else {"typ": BEARER_TYPE}
    try:
        return str(_run(_MINTER.mint(claims, header=chosen)))
    except (TypeError, ValueError):
        return forge(header, payload)


def _spoilt(draw: st.DrawFn, token: str) -> str:
    odd = draw(st.sampled_from(("=", "==", ".", "..", " ", "+", "/", "\n", "\x00", "\uff11", "-", "_", "A")))
    place = draw(st.integers(0, len(token)))
    return token[:place] + odd + token[place:]


_SCHEMES: Final = st.sampled_from(
    ("Bearer ", "Bearer ", "Bearer ", "bearer  ", "Basic ", "Bearer", "Bearer\t", "", "DPoP ", "Bearer a,Bearer ")
)
_VALUES: Final = st.tuples(
    _SCHEMES, st.one_of(_tokens(), _tokens(), _tokens(), st.text(max_size=30), st.just("a." * 9_000))
)


def _check(value: tuple[str, str]) -> None:
    scheme, token = value
    caller = _run(IDENTITY.identify(Call("GET", CanonicalPath(b"/", ()), authorization=scheme + token)))
    assert isinstance(caller, Caller | Anonymous)
    if isinstance(caller, Caller):
        _check_caller(caller, token)
    farewell = _run(IDENTITY.hear_farewell(token))
    assert isinstance(farewell, Farewell | Hearsay)
    if isinstance(farewell, Farewell):
        assert not isinstance(caller, Caller), "a logout token opens the gate"
        _check_signature(token)


def _check_caller(caller: Caller, token: str) -> None:
    _check_signature(token)
    claims = json.loads(_part(token, 1), object_pairs_hook=_only_once)
    assert claims["iss"] == _FOREIGN
    assert claims["aud"] in ("shop-api", ["shop-api"]) or "shop-api" in claims["aud"]
    assert caller.account.subject == claims["sub"]
    assert claims["exp"] + 60 > NOW
    assert caller.account.realm == "shop"


def _check_signature(token: str) -> None:
    header, payload = _part(token, 0), _part(token, 1)
    assert json.loads(header, object_pairs_hook=_only_once)["alg"] == "HS256"
    assert token == forge(header, payload)


def _part(token: str, number: int) -> bytes:
    text = token.split(".")[number]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _only_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), "a member is there twice"
    return dict(pairs)


TOKENS: Final = Target("tokens", _VALUES, _check, examples=700, weighs=True)
