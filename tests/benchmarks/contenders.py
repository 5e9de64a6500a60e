"""Contenders: everybody that a run can ask, by the name that `--only` takes."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from tests.benchmarks import gates, ours, rivals
from tests.benchmarks.cases import FORWARDING, Stand
from tests.benchmarks.cores import Cores

# Takes a folder of its own, the port of the API, the cores, and the cases that are wanted.
Contender = Callable[[Path, int, Cores, frozenset[str]], AbstractContextManager[tuple[Stand, ...]]]

_SMALL: Final = frozenset({"small"})

CONTENDERS: Final[Mapping[str, tuple[Contender, frozenset[str]]]] = {
    "mfa_gateway": (ours.gateway, FORWARDING | {"code", "refused", "accounts"}),
    "mfa_gateway-far": (ours.far_gateway, _SMALL),
    "mfa_gateway-interpreted": (ours.interpreted, _SMALL),
    "mfa_gateway-bare": (ours.bare, _SMALL),
    "nginx": (rivals.nginx, FORWARDING),
    "haproxy": (rivals.haproxy, FORWARDING - {"one", "10m"}),
    "traefik": (rivals.traefik, FORWARDING),
    "envoy": (rivals.envoy, FORWARDING - {"one", "10m"}),
    "caddy": (rivals.caddy, FORWARDING - {"one", "10m"}),
    "library": (rivals.library, frozenset({"small", "64k"})),
    "lua": (gates.lua, _SMALL),
    "auth_request": (gates.auth_request, _SMALL),
    "forward_auth": (gates.forward_auth, _SMALL),
    "ext_authz": (gates.ext_authz, _SMALL),
    "checks": (ours.checks, frozenset({"checks"})),
    "empty": (ours.empty, frozenset({"checks"})),
    "direct": (rivals.direct, frozenset({"one"})),
}
