"""Envoy's side of ext_authz: requests as it describes them, and what it reads in an answer.

The messages are those of `wire`; that the real Envoy speaks the same is shown by the e2e tests.
"""

from dataclasses import dataclass, field
from typing import Any

from mfa_gateway.doors.ext_authz import wire
from mfa_gateway.doors.ext_authz.wire import Described

Field = tuple[bytes, bytes]


def described(target: str = "/protected", *fields: Field, method: str = "GET", joined: bool = False) -> Described:
    """A request as Envoy tells of it; its pseudo-headers are among the headers."""
    own = [(b":method", method.encode()), (b":path", target.encode()), (b":authority", b"gw.test")]
    return Described(
        method.encode(), target.encode("latin-1"), b"gw.test", b"http", [*own, *fields], "192.0.2.7", joined
    )


def message(asked: Described) -> bytes:
    """The `CheckRequest` of it."""
    headers = [{"key": name, "raw_value": value} for name, value in asked.headers]
    as_map = {"headers": [{"key": name, "value": value} for name, value in asked.headers]}
    as_raw = {"header_map": {"headers": headers}}
    http: dict[str, Any] = {
        "method": asked.method,
        "path": asked.target,
        "host": asked.host,
        "scheme": asked.scheme,
        **(as_map if asked.are_joined else as_raw),
    }
    source = {"address": {"socket_address": {"address": asked.peer.encode()}}}
    attributes = {"source": source, "request": {"http": http}}
    return bytes(wire._CLASSES["CheckRequest"](attributes=attributes).SerializeToString())


@dataclass
class Read:
    """An answer, as Envoy carries it out. `set_` is what replaces, `added` what joins."""

    code: int
    status: int
    set_: dict[bytes, bytes] = field(default_factory=dict)
    added: list[Field] = field(default_factory=list)
    removed: list[bytes] = field(default_factory=list)
    answered: dict[bytes, bytes] = field(default_factory=dict)
    offered: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


def read(answer: bytes) -> Read:
    """Read a `CheckResponse`."""
    response = wire._CLASSES["CheckResponse"].FromString(answer)
    denied, ok = response.denied_response, response.ok_response
    found = Read(response.status.code, denied.status.code, removed=list(ok.headers_to_remove), body=denied.body)
    for option in (*denied.headers, *ok.headers):
        pair = (option.header.key, option.header.value)
        if option.append.value:
            found.added.append(pair)
        else:
            assert option.HasField("append")
            found.set_[pair[0]] = pair[1]
    for option in ok.response_headers_to_add:
        place = found.offered if option.append_action else found.answered
        place[option.header.key] = option.header.value
    return found
