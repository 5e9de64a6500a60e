"""Calls of this form, as a door hands them over."""

import json
from typing import Any
from urllib.parse import urlencode

from mfa_gateway.core.site import Site
from mfa_gateway.dialects.adservio import Adservio
from mfa_gateway.dialects.wire import Accepted, Asked, Received, Reply

NOW = 1_597_424_643_000
SITE = Site("adservio", "school", issuer="https://gate.test", session_ms=3_600_000)
ADSERVIO = Adservio(SITE, "/api/v2")
FORM = b"application/x-www-form-urlencoded"
JSON = b"application/json"
WHO = {"uaUserName": "ada", "uaPassword": "right"}
BEARER = (b"authorization", b"Bearer eyJ0")


def received(
    path: str,
    fields: dict[str, Any] | None = None,
    *headers: tuple[bytes, bytes],
    verb: str = "POST",
    query: dict[str, str] | str = "",
    kind: bytes = FORM,
    body: bytes | None = None,
) -> Received:
    """A request to `./auth` and something behind it."""
    if body is None:
        as_json = kind.startswith(JSON)
        body = b"" if fields is None else (json.dumps(fields) if as_json else urlencode(fields)).encode()
    asked = Asked(verb, f"/api/v2/auth{path}")
    text = query if isinstance(query, str) else urlencode(query)
    typed = ((b"content-type", kind),) if body else ()
    return Received(
        asked,
        (),
        is_secure=True,
        now_ms=NOW,
        unique="0" * 32,
        query=text.encode(),
        body=body,
        headers=(*typed, *headers),
        languages=("ro",),
    )


def accept(path: str, fields: dict[str, Any] | None = None, *headers: tuple[bytes, bytes], **more: Any) -> Accepted:
    accepted = ADSERVIO.receive(received(path, fields, *headers, **more))
    assert isinstance(accepted, Accepted), accepted
    return accepted


def turn(path: str, fields: dict[str, Any] | None = None, *headers: tuple[bytes, bytes], **more: Any) -> Reply:
    reply = ADSERVIO.receive(received(path, fields, *headers, **more))
    assert isinstance(reply, Reply), reply
    return reply


def error(reply: Reply) -> tuple[int, str, int]:
    """Status, field and number of an error."""
    (entry,) = json.loads(reply.body)
    assert entry.keys() == {"field", "code", "message"}
    return reply.status, entry["field"], entry["code"]
