"""Questions as each proxy puts them, asked of a gateway in memory."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_network
from typing import Any, Final

from mfa_gateway.core.policy import Policy
from mfa_gateway.doors.asgi import Scope
from mfa_gateway.doors.middleware import MFAMiddleware
from tests.doors.gateways import World
from tests.doors.scopes import Exchange, play, scope

PROXIES: Final = ("nginx", "traefik", "caddy", "haproxy", "envoy")
FORWARDED: Final = ("traefik", "caddy", "haproxy")
# Those that take off what they are told to; the others overwrite what their recipes list.
REMOVING: Final = {"haproxy": b"x-mfa-remove", "envoy": b"x-envoy-auth-headers-to-remove"}
# The peer of every scope made by hand.
TRUSTED: Final = (ip_network("192.0.2.7/32"),)

Field = tuple[bytes, bytes]


def world(policy: Policy | None = None, **options: Any) -> World:
    """A gateway that trusts the peer of every question here."""
    return World(policy, **{"trusted": TRUSTED, **options})


def question(
    name: str,
    target: str = "/protected",
    *fields: Field,
    method: str = "GET",
    host: str = "gw.test",
    overwrites: str = "?overwrites=cookie,x-api-key,proxy-authorization",
    **given: Any,
) -> Scope:
    """What this proxy asks about such a call."""
    match name:
        case "nginx":
            url = f"http://{host}{target}".encode("latin-1")
            words: Iterable[Field] = ((b"x-original-method", method.encode()), (b"x-original-url", url))
            return scope(f"/_mfa/forward-auth/nginx{overwrites}", *words, *fields, **given)
        case "envoy":
            named = (b"host", host.encode("latin-1"))
            return scope(f"/_mfa/forward-auth/envoy{target}", named, *fields, **{"method": method, **given})
        case _:
            return scope(f"/_mfa/forward-auth/{name}{overwrites}", *forwarded(target, method, host), *fields, **given)


def forwarded(target: str, method: str = "GET", host: str = "gw.test") -> list[Field]:
    """The four fields of Traefik, Caddy and HAProxy."""
    return [
        (b"x-forwarded-method", method.encode()),
        (b"x-forwarded-proto", b"http"),
        (b"x-forwarded-host", host.encode("latin-1")),
        (b"x-forwarded-uri", target.encode("latin-1")),
    ]


async def ask(asked: World, name: str, target: str = "/protected", *fields: Field, **given: Any) -> Exchange:
    """The answer to it. Nothing that is asked ever reaches an application behind this door."""
    exchange = await play(asked.app, question(name, target, *fields, **given))
    assert asked.behind.scopes == []
    return exchange


def code(exchange: Exchange) -> str:
    """The reason in the header."""
    (reason,) = exchange.values(b"x-mfa-error-code")
    return reason.decode()


def rebuilt(asked: World, **parts: Any) -> World:
    """The same gateway with other parts."""
    asked.parts = replace(asked.parts, **parts)
    asked.app = MFAMiddleware(asked.behind, gateway=asked)
    return asked
