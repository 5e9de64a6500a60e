"""ext_authz put together from settings; grpcio is asked for only where it is configured.

What stays out: who binds its address first, and when it starts and stops (cli.supervision).
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from mfa_gateway.app.gateway import Gateway
from mfa_gateway.doors.peers import TrustedProxies
from mfa_gateway.settings import Settings

if TYPE_CHECKING:
    from mfa_gateway.doors.ext_authz.server import AuthorizationServer

_NEEDED = ("grpc", "google.protobuf")


def authorization_server_of(settings: Settings, gateway: Gateway) -> "AuthorizationServer | None":
    """The server that Envoy asks, where one is configured; it listens to nobody yet.

    Raises:
        ValueError: what it needs is not installed.
    """
    if settings.ext_authz is None:
        return None
    if not all(map(_is_installed, _NEEDED)):
        raise ValueError("ext_authz: needs grpcio and protobuf: pip install 'mfa-gateway[grpc]'")
    from mfa_gateway.doors.ext_authz.check import Checker  # noqa: PLC0415 - an extra
    from mfa_gateway.doors.ext_authz.server import AuthorizationServer  # noqa: PLC0415 - an extra

    return AuthorizationServer(
        Checker(gateway.hurried_parts()),
        proxies=TrustedProxies(settings.trusted_proxies),
        within=settings.ext_authz.timeout,
        calls=settings.limits.connections,
    )


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
