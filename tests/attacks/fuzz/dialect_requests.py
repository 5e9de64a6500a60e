"""Fuzzing what reads requests in the dialects: every decoder, with every kind of body, query, field and refusal.

Whatever comes: a command, or an answer that says no. Nothing raises, no answer is a 500 in the form of any dialect,
no answer may be stored, and no line end gets into a field of one.
"""

import json
from typing import Any, Final
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from mfa_gateway.core.account import AccountId, Caller
from mfa_gateway.core.ceremony import Command, Failed
from mfa_gateway.core.site import Site
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.adservio import Adservio
from mfa_gateway.dialects.adservio.endpoints import ENDPOINTS as ADSERVIO_ENDPOINTS
from mfa_gateway.dialects.gigya import Gigya, GigyaSite, UserKey
from mfa_gateway.dialects.gigya.methods import _BY_NAME as GIGYA_METHODS
from mfa_gateway.dialects.glue import Glue
from mfa_gateway.dialects.standard import Standard
from mfa_gateway.dialects.wire import Accepted, Asked, Dialect, Received, Reply, Resident, Submission
from tests.attacks.fuzz.bytestrings import ODD_TEXTS, SCALARS, damaged, documents, sometimes, trees
from tests.attacks.fuzz.target import Target

_NOW: Final = 1_795_288_993_017
_ADA: Final = Caller(AccountId("shop", "ada"), session="s1", token="t1")
_SECRET: Final = b"01234567890abcdef0123"
_SITE: Final = GigyaSite(Site("3_KEY", "people"), secret=_SECRET, user_keys={"AKey": UserKey("AKey", _SECRET)})
_GIGYA: Final = Gigya({"3_KEY": _SITE}, base_url="https://gw.test", allows_jsonp=True)
_ADSERVIO: Final = Adservio(Site("adservio", "school", issuer="https://gw.test"))
_GLUE: Final = Glue()
_STANDARD: Final = Standard()

_KINDS: Final = st.sampled_from(
    ("application/json", "application/vnd.api+json", "application/json; charset=utf-8",
    "application/json;charset=utf-16",
     "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=latin-1", "multipart/form-data",
     "text/plain", "", ";", "application/json;", "a" * 9_000, "application/problem+json", "APPLICATION/JSON")
)  # fmt: skip
_VERBS: Final = st.sampled_from(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "post", "X"))
_ACCEPTS: Final = st.sampled_from(
    ("", "*/*", "application/json", "text/html;q=0.1", "q=;;,,", "application/*;q=x", "," * 3_000)
)
_CODES: Final = st.one_of(st.none(), st.sampled_from(("123456", *ODD_TEXTS)), st.text(max_size=8))


def _check_reply(reply: Reply, *, at_least: int = 400) -> None:
    assert at_least <= reply.status <= 599
    # A message that could not be sent is 500026 in the Gigya form, and nothing else there is.
    assert reply.status != 500 or (b"x-mfa-error-code", b"500026") in reply.headers, reply
    assert (b"cache-control", b"no-store") in reply.headers
    for name, value in reply.headers:
        assert name == name.lower()
        assert not set(name + value) & set(b"\r\n\x00"), (name, value)


# --- Ceremonies behind the gate: glue and standard ---------------------------------------------


def _endpoints(dialect: Dialect) -> list[tuple[str, str]]:
    """Each method of each endpoint, with good ids and others."""
    return [
        (verb, path.replace("{id}", name))
        for path, verbs in dialect.endpoints.items()
        for verb in verbs.split(", ")
        for name in ("0a1b" * 8, "f" * 64, "email")
    ]


@st.composite
def _submissions(draw: st.DrawFn, dialect: Dialect, kind: str, bodies: st.SearchStrategy[Any]) -> Submission:
    verb, path = draw(st.sampled_from(_endpoints(dialect)))
    verb = draw(_VERBS) if sometimes(draw, 8) else verb
    path = draw(st.text(max_size=12)) if sometimes(draw, 12) else path
    kind = draw(_KINDS) if sometimes(draw, 5) else kind
    body = draw(documents(bodies)) if draw(st.booleans()) else json.dumps(draw(bodies)).encode("utf-8", "surrogatepass")
    return Submission(Asked(verb, path, draw(_ACCEPTS)), _ADA, kind, body, draw(_CODES))


def _decoder(dialect: Dialect) -> Any:
    def check(submission: Submission) -> None:
        decoded = dialect.decode(submission)
        if isinstance(decoded, Failed):
            _check_reply(dialect.encode(decoded, submission.asked))
        else:
            assert isinstance(decoded, Command)
            assert decoded.caller is submission.caller

    return check


_FACTORS: Final = st.sampled_from(("email", "sms", "totp", "backup", "EMAIL", ""))
_VALUES: Final = _FACTORS | SCALARS
_GLUE_BODIES: Final = st.one_of(
    st.builds(
        lambda kind, attributes: {"data": {"type": f"multi-factor-auth-{kind}", "attributes": attributes}},
        st.sampled_from(("trigger", "type-activate", "type-verify", "type-deactivate", "types", "")),
        st.dictionaries(st.sampled_from(("type", "email", "sms", "totp")), _VALUES, max_size=3),
    ),
    trees(("data", "type", "attributes", "email", "sms", "totp", "id")),
)
_STANDARD_NAMES: Final = ("type", "factor", "code", "address", "name", "method", "path", "host", "scope")
_STANDARD_BODIES: Final = st.one_of(
    st.fixed_dictionaries({}, optional=dict.fromkeys(_STANDARD_NAMES, _VALUES)),
    st.fixed_dictionaries({"method": _VERBS, "path": st.sampled_from(("/a", "//", "/%2e", "a")) | SCALARS}),
    st.fixed_dictionaries({"type": _FACTORS}, optional={"address": _VALUES, "name": _VALUES}),
    st.fixed_dictionaries({"factor": _FACTORS}, optional={"code": _VALUES}),
    trees(_STANDARD_NAMES),
)

GLUE: Final = Target(
    "glue", _submissions(_GLUE, "application/vnd.api+json", _GLUE_BODIES), _decoder(_GLUE), weighs=True
)
STANDARD: Final = Target(
    "standard", _submissions(_STANDARD, "application/json", _STANDARD_BODIES), _decoder(_STANDARD), weighs=True
)


# --- Areas of their own: gigya and adservio ----------------------------------------------------


@st.composite
def _forms(draw: st.DrawFn, names: tuple[str, ...], values: tuple[str, ...], always: dict[str, str]) -> bytes:
    """A form or a query, mostly with names and values that mean something."""
    name, value = st.sampled_from(names), st.one_of(st.sampled_from((*values, *ODD_TEXTS)), st.text(max_size=10))
    pairs = draw(st.lists(st.tuples(name, value), max_size=6))
    if not sometimes(draw, 6):
        pairs = [*(dict(pairs) | always).items()]
    text = urlencode(pairs, errors="surrogatepass").encode()
    return draw(damaged(text)) if sometimes(draw, 6) else text


_FORM: Final = "application/x-www-form-urlencoded"


@st.composite
def _received(
    draw: st.DrawFn,
    calls: tuple[tuple[str, str], ...],
    forms: st.SearchStrategy[bytes],
    bodies: st.SearchStrategy[bytes],
) -> Received:
    verb, path = draw(st.sampled_from(calls))
    verb = draw(_VERBS) if sometimes(draw, 10) else verb
    path = "/" + quote(draw(st.text(max_size=10)), errors="replace") if sometimes(draw, 12) else path
    kind = draw(_KINDS) if sometimes(draw, 5) else _FORM
    query = draw(forms) if verb != "POST" or sometimes(draw, 6) else b""
    body = draw(bodies) if sometimes(draw, 5) else draw(forms) if verb != "GET" else b""
    field = st.tuples(st.sampled_from(_FIELD_NAMES), _FIELD_VALUES)
    return Received(
        Asked(verb, path, request_id="0badcafe", query=query, now_ms=_NOW),
        urls=(f"https://gw.test{path}",),
        is_secure=not sometimes(draw, 6),
        now_ms=_NOW,
        unique="0" * 32,
        query=query,
        body=body,
        headers=((b"content-type", kind.encode("latin-1")), *draw(st.lists(field, max_size=3))),
    )


_FIELD_NAMES: Final = (b"authorization", b"cookie", b"x-mfa-code", b"user-agent", b"apikey", b"accept-language")
_FIELD_VALUES: Final = st.one_of(
    st.sampled_from((b"Bearer a.b.c", b"Bearer", b"OAuth x", b"Basic YTpi", b"Basic !", b"glt_3_KEY=tok; gmid=x",
    b"gmid=" + b"g" * 9_000,
                     b";;=;=", b"device_id=\xff")),
    st.binary(max_size=24),
)  # fmt: skip


def _resident(dialect: Resident) -> Any:
    def check(received: Received) -> None:
        answer = dialect.receive(received)
        if isinstance(answer, Reply):
            _check_reply(answer, at_least=200)
            _check_no_fault(answer)
        else:
            assert isinstance(answer, Accepted)
        for reason in (Reason.BODY_TOO_LARGE, Reason.STORE_UNAVAILABLE, Reason.NOT_FOUND):
            _check_reply(dialect.turn_away(reason, received), at_least=200)

    return check


def _check_no_fault(answer: Reply) -> None:
    """Some forms say everything with status 200, a fault of ours too."""
    try:
        said = json.loads(answer.body)
    except ValueError:
        return
    if isinstance(said, dict):
        assert said.get("statusCode") != 500, answer
        assert not 500_000 <= int(said.get("errorCode") or 0) < 501_000, answer


_GIGYA_CALLS: Final = (
    *(("POST", f"/{method.name}") for method in GIGYA_METHODS.values()),
    *(("GET", f"/{method.name}") for method in GIGYA_METHODS.values()),
    ("POST", "/accounts.none"), ("POST", "/"), ("GET", "/a/b"),
)  # fmt: skip
_GIGYA_NAMES: Final = (
    "apiKey", "secret", "userKey", "sig", "timestamp", "nonce", "oauth_token", "login_token", "format", "callback",
    "httpStatusCodes", "loginID", "password", "email", "phoneNumber", "code", "vToken", "regToken", "gigyaAssertion",
    "UID",
    "phvToken", "sctToken", "provider", "providerAssertion", "context", "lang", "include", "expiration", "fields",
    "mode",
    "profile", "data", "tfaStatus", "gmid", "targetEnv", "sessionExpiration", "UIDSignature", "signatureTimestamp",
    "action",
)  # fmt: skip
_GIGYA_VALUES: Final = (
    "3_KEY", "AKey", "json", "jsonp", "xml", "f", "alert(1)//", "gigyaEmail", "gigyaPhone", "gigyaTotp", "edit",
    "verify",
    "register", "profile,data", '{"a":1}', "{", "3600", "-1", "1795288993", "2026-11-21T10:00:00Z", "tok",
    "ada@gw.test",
)  # fmt: skip
_GIGYA_ALWAYS: Final = {
    "apiKey": "3_KEY", "loginID": "ada@gw.test", "password": "p", "vToken": "v", "code": "123456", "regToken": "r",
    "email": "ada@gw.test", "provider": "gigyaEmail", "gigyaAssertion": "a.b.c", "mode": "edit",
}  # fmt: skip
_ADSERVIO_CALLS: Final = (
    *((verb, path) for path, endpoint in ADSERVIO_ENDPOINTS.items() for verb in endpoint.operations),
    ("GET", "/auth/x"), ("POST", "/authx"),
)  # fmt: skip
_ADSERVIO_NAMES: Final = (
    "uaUserName", "uaPassword", "tfaType", "tfaCode", "tfaSave", "tfaPhone", "tfaId", "type", "phone", "code",
    "_method", "id",
)  # fmt: skip
_ADSERVIO_VALUES: Final = ("ada", "right", "PUT", "DELETE", "DELETE<script>", "1", "3", "4", "0a1b", "true", "123456")
_ADSERVIO_ALWAYS: Final = {"uaUserName": "ada", "uaPassword": "right"}
_GIGYA_FORMS: Final = _forms(_GIGYA_NAMES, _GIGYA_VALUES, {}) | _forms(_GIGYA_NAMES, _GIGYA_VALUES, _GIGYA_ALWAYS)
_ADSERVIO_FORMS: Final = _forms(_ADSERVIO_NAMES, _ADSERVIO_VALUES, {}) | _forms(
    _ADSERVIO_NAMES, _ADSERVIO_VALUES, _ADSERVIO_ALWAYS
)

GIGYA: Final = Target(
    "gigya", _received(_GIGYA_CALLS, _GIGYA_FORMS, documents(trees(_GIGYA_NAMES))), _resident(_GIGYA), weighs=True
)
ADSERVIO: Final = Target(
    "adservio",
    _received(_ADSERVIO_CALLS, _ADSERVIO_FORMS, documents(trees(_ADSERVIO_NAMES))),
    _resident(_ADSERVIO),
    weighs=True,
)


# --- Refusals: every dialect writes them for calls that it did not read ------------------------

_ANY: Final[tuple[Any, ...]] = (_GLUE, _STANDARD, _GIGYA, _ADSERVIO)
_REFUSED: Final = st.tuples(
    st.builds(
        Asked,
        _VERBS,
        st.text(max_size=12),
        _ACCEPTS,
        st.text("0af-", max_size=8),
        query=_GIGYA_FORMS,
    ),
    st.sampled_from(Reason),
    st.integers(0, 2**62),
)


def _check_refusal(refused: tuple[Asked, Reason, int]) -> None:
    asked, reason, left_ms = refused
    for dialect in _ANY:
        _check_reply(dialect.refuse(reason, asked, retry_after_ms=left_ms), at_least=200)


REFUSALS: Final = Target("refusals", _REFUSED, _check_refusal, examples=200, weighs=True)
