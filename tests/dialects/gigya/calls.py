"""Calls of methods, as a door hands them over."""

import base64
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import rsa

from mfa_gateway.core.site import Site
from mfa_gateway.dialects.gigya import Gigya, GigyaSite, UserKey
from mfa_gateway.dialects.wire import Accepted, Asked, Received, Reply

NOW = 1_795_288_993_017
CALL_ID = "0123456789abcdef0123456789abcdef"
HOST = "accounts.eu1.gigya.com"
# spec/gigya.md section 4.2: the secret of its vectors.
SECRET_TEXT = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM="
SECRET = base64.b64decode(SECRET_TEXT)
KEY_PAIR = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SITE = GigyaSite(
    Site("3_KEY", "people", issuer="https://fidm.gigya.com/jwt/3_KEY/"),
    secret=SECRET,
    user_keys={"AKey": UserKey("AKey", SECRET), "Signer": UserKey("Signer", public=KEY_PAIR.public_key())},
)
GIGYA = Gigya({"3_KEY": SITE, "3_BARE": GigyaSite(Site("3_BARE", "people"))}, allows_jsonp=True)
FORM = b"application/x-www-form-urlencoded"


def received(method: str, *, verb: str = "POST", prefix: str = "", **more: Any) -> Received:
    """A call, by default of a form over TLS."""
    query: bytes = more.pop("query", b"")
    body: bytes = more.pop("body", b"")
    fields: dict[str, str] = more.pop("fields", {})
    kind = ((b"content-type", FORM),) if body else ()
    headers = (*kind, *((name.encode(), value.encode()) for name, value in fields.items()))
    scheme = "https" if more.pop("is_secure", True) else "http"
    path = f"{prefix}/{method}"
    return Received(
        Asked(verb, path, request_id="0badcafe0badcafe", query=query, now_ms=NOW),
        urls=more.pop("urls", (f"{scheme}://{HOST}{path}",)),
        is_secure=scheme == "https",
        now_ms=more.pop("now_ms", NOW),
        unique=CALL_ID,
        query=query,
        body=body,
        headers=(*headers, *more.pop("headers", ())),
        languages=more.pop("languages", ()),
    )


def call(method: str, parameters: dict[str, str] | None = None, *, verb: str = "POST", **more: Any) -> Received:
    """A call with these parameters and an API key, in the query or in a form."""
    text = urlencode({"apiKey": "3_KEY", **(parameters or {})}).encode()
    where: dict[str, Any] = {"body" if verb == "POST" else "query": text}
    return received(method, verb=verb, **where, **more)


def accept(method: str, parameters: dict[str, str] | None = None, **more: Any) -> Accepted:
    """A call that an errand comes of."""
    accepted = GIGYA.receive(call(method, parameters, **more))
    assert isinstance(accepted, Accepted), accepted.body
    return accepted


def answer(method: str, parameters: dict[str, str] | None = None, **more: Any) -> Reply:
    """A call that is answered at once."""
    reply = GIGYA.receive(call(method, parameters, **more))
    assert isinstance(reply, Reply), reply
    return reply
