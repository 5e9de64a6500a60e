"""Fuzzing the whole gateway as an application: any method, target, fields and body, to the API or to a dialect's area.

Whatever comes is answered, never with a 500 of ours and never by an exception. And the application behind is never
called for a path that asks for a factor, since nobody here has one: a failure to read never allows.
"""

import asyncio
import atexit
import base64
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import jwt
from hypothesis import strategies as st

from mfa_gateway import Gateway, MFAMiddleware, load_settings
from mfa_gateway.core.account import AccountId
from mfa_gateway.doors.asgi import Message, Receive, Scope, Send
from mfa_gateway.state import AccountRecord
from tests.attacks.fuzz.bytestrings import ODD_TEXTS, documents, sometimes, split, trees
from tests.attacks.fuzz.target import Target
from tests.attacks.targets import targets
from tests.attacks.witness import is_protected

_CONFIGURATION: Final = """
store: {url: "memory://", timeout: 5s}
secrets: {keys: ["%s"]}
identity:
  bearer:
    - {realm: shop, issuer: "https://idp.test", audience: shop-api, algorithms: [HS256], secret_file: ./issuer}
directory: {source: store}
senders: {email: {log: {}}}
public_url: "https://gw.test"
dialects:
  glue: {enabled: true}
  standard: {enabled: true}
  gigya: {enabled: true, prefix: /gigya, jsonp: true, calls_per_address: [], sites: [{api_key: 3_KEY, realm: people}]}
  adservio: {enabled: true, prefix: /adservio, realm: people}
access_control:
  default_policy: open
  rules:
    - {name: guarded, policy: mfa, paths: ["/protected/**", "/feed", "/api/protected/**", "/customers/{id}/password"]}
"""
_SECRET: Final = "0123456789abcdef0123456789abcdef0123456789abcdef"
_KEY: Final = base64.b64encode(bytes(range(32))).decode()
# The year 2100.
_TOKEN: Final = jwt.encode(
    {"iss": "https://idp.test", "aud": "shop-api", "sub": "ada", "iat": 1_700_000_000, "exp": 4_102_444_800},
    _SECRET,
    "HS256",
)


@dataclass(slots=True)
class _World:
    """A gateway that runs in this process, and what the application behind it was called for."""

    runner: asyncio.Runner
    seen: list[tuple[str, str]] = field(default_factory=list)
    app: MFAMiddleware | None = None

    async def behind(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.seen.append((scope.get("method", "GET"), scope["raw_path"].decode("latin-1")))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"served"})

    async def open(self, folder: Path) -> None:
        path = folder / "mfa-gateway.yaml"
        path.write_text(_CONFIGURATION % _KEY)
        (folder / "issuer").write_text(_SECRET)
        gateway = Gateway(load_settings(path, environ={}))
        await gateway.start()
        await gateway._store.put_record(
            AccountId("shop", "ada"), AccountRecord(email="ada@shop.test", email_verified=True)
        )
        self.app = MFAMiddleware(self.behind, gateway=gateway)


_WORLDS: Final[list[_World]] = []


def _world() -> _World:
    """The only one, made when it is first asked for."""
    if not _WORLDS:
        runner = asyncio.Runner()
        atexit.register(runner.close)
        _WORLDS.append(_World(runner))
        with tempfile.TemporaryDirectory() as folder:
            runner.run(_WORLDS[0].open(Path(folder)))
    return _WORLDS[0]


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: str
    fields: tuple[tuple[bytes, bytes], ...]
    pieces: list[bytes] = field(repr=False)


_METHODS: Final = st.sampled_from(
    ("GET", "POST", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "X", "*")
)
_PLACES: Final = st.sampled_from(
    ("/protected", "/protected/x", "/public", "/multi-factor-auth-types", "/multi-factor-auth-trigger",
     "/multi-factor-auth-type-activate", "/multi-factor-auth-type-verify", "/multi-factor-auth-type-deactivate",
     "/mfa/factors",
     "/mfa/challenges", "/mfa/challenges/verify", "/mfa/grace", "/mfa/preflight", "/mfa/backup-codes",
     "/_mfa/openapi.json",
     "/_mfa/backchannel-logout", "/gigya/accounts.login", "/gigya/accounts.otp.sendCode", "/gigya/accounts.tfa.initTFA",
     "/gigya/accounts.webSdkBootstrap", "/adservio/auth", "/adservio/auth/tfa_options", "/adservio/auth/tfa_challenge")
)  # fmt: skip
_FIELD_NAMES: Final = st.sampled_from(
    (b"x-mfa-code", b"x_mfa_code", b"x-mfa-verified", b"content-type", b"accept", b"origin", b"cookie",
    b"x-http-method-override",
     b"x-original-url", b"x-forwarded-for", b"accept-language", b"connection", b"upgrade", b"authorization", b"host",
     b"expect",
     b"access-control-request-method", b"x-request-id", b"traceparent")
)  # fmt: skip
_FIELD_VALUES: Final = st.one_of(
    st.sampled_from(tuple(text.encode("utf-8",
    "replace")[:6_000] for text in ODD_TEXTS if "\r" not in text and "\x00" not in text)),
    st.sampled_from((b"application/json", b"application/vnd.api+json", b"application/x-www-form-urlencoded",
    b"123456", b"/public",
                     b"PATCH", b"https://evil.test", b"Bearer x", b"de;q=2,*;q=x", b"close, x-mfa-code",
                     b"websocket", b"gw.test")),
    st.binary(max_size=12).map(lambda raw: raw.translate(None, b"\r\n\x00")),
)  # fmt: skip
_NAMES: Final = (
    "data",
    "type",
    "attributes",
    "email",
    "code",
    "factor",
    "apiKey",
    "uaUserName",
    "uaPassword",
    "loginID",
    "path",
)


@st.composite
def _requests(draw: st.DrawFn) -> _Request:
    place = draw(_PLACES)
    if sometimes(draw, 3):
        place = next(targets(draw(st.randoms(use_true_random=False)), 1))
    fields = draw(st.lists(st.tuples(_FIELD_NAMES, _FIELD_VALUES), max_size=3))
    if not sometimes(draw, 4):
        fields.append((b"authorization", f"Bearer {_TOKEN}".encode()))
    if not sometimes(draw, 6):
        fields.append((b"host", b"gw.test"))
    body = draw(documents(trees(_NAMES))) if draw(st.booleans()) else draw(st.binary(max_size=20))
    return _Request(
        draw(_METHODS), place.encode("latin-1", "replace").decode("latin-1"), tuple(fields), draw(split(body))
    )


async def _asked(app: MFAMiddleware, request: _Request) -> list[Message]:
    sent: list[Message] = []
    last = len(request.pieces) - 1
    messages: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": number < last}
        for number, piece in enumerate(request.pieces)
    ]

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    path, _, query = request.target.partition("?")
    scope: Scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": request.method, "scheme": "http",
        "path": unquote(path), "raw_path": path.encode("latin-1"), "root_path": "",
        "query_string": query.encode("latin-1"),
        "headers": list(request.fields), "client": ("192.0.2.7", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    return sent


def _check(request: _Request) -> None:
    world = _world()
    world.seen.clear()
    assert world.app is not None
    sent = world.runner.run(_asked(world.app, request))
    starts = [message for message in sent if message["type"] == "http.response.start"]
    assert len(starts) == 1
    for name, value in starts[0]["headers"]:
        assert not set(name + value) & set(b"\r\n\x00"), (name, value)
    body = b"".join(message.get("body", b"") for message in sent)
    assert 200 <= starts[0]["status"] < 500 or starts[0]["status"] == 503, (starts, body)
    assert not _is_fault(body), body
    for method, path in world.seen:
        assert not is_protected(path, method), "the application was called without proof"


def _is_fault(body: bytes) -> bool:
    try:
        said: Any = json.loads(body)
    except ValueError:
        return False
    return isinstance(said, dict) and (said.get("statusCode") == 500 or said.get("errorCode") == 500001)


CALLS: Final = Target("calls", _requests(), _check, examples=400, prepare=_world)
