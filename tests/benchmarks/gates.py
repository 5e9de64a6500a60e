"""Rivals that decide about every call: by themselves, or by asking our gateway, each on its recipe of `deploy/`.

A proxy that asks and the gateway that answers share the core of the contender: what both take is what a gate behind
that proxy costs. What stays out: those that merely forward (rivals).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import redis

from mfa_gateway.state.server import find_program
from tests.benchmarks.cases import forwarding_stands
from tests.benchmarks.cores import Cores
from tests.benchmarks.ours import deciding_gateway
from tests.benchmarks.processes import free_port, process
from tests.benchmarks.rivals import (
    NGINX_FILES,
    Missing,
    Stands,
    bearer,
    envoy_command,
    nginx_command,
    nginx_settings,
    program,
)

LUA: Final = "nginx + hand-written Lua + Redis, a gate"
AUTH_REQUEST: Final = "nginx auth_request, asking mfa_gateway"
FORWARD_AUTH: Final = "Traefik ForwardAuth, asking mfa_gateway"
EXT_AUTHZ: Final = "Envoy ext_authz, asking mfa_gateway"

_DEPLOY: Final = Path(__file__).parents[2] / "deploy"
_MODULES: Final = ("ndk_http_module.so", "ngx_http_lua_module.so")
_MODULE_FOLDERS: Final = (Path("/usr/lib/nginx/modules"), Path("/usr/lib64/nginx/modules"))

# As a platform team writes it on an afternoon: whoever has a window in Redis passes. No signature, factor, epoch, code
# or attempt: it is the least that a gate can be.
_LUA_GATE: Final = """access_by_lua_block {{
                local key = "window:" .. (ngx.var.http_authorization or "")
                local store = ngx.socket.tcp()
                store:settimeouts(1000, 1000, 1000)
                if not store:connect("127.0.0.1", {store_port}) then return ngx.exit(503) end
                store:send("*2\\r\\n$3\\r\\nGET\\r\\n$" .. #key .. "\\r\\n" .. key .. "\\r\\n")
                local length = tonumber((store:receive() or ""):sub(2))
                if not length then return ngx.exit(503) end
                if length >= 0 then store:receive(length + 2) end
                store:setkeepalive(10000, 64)
                if length < 0 then return ngx.exit(403) end
                ngx.req.clear_header("X-MFA-Code")
                ngx.req.set_header("X-MFA-Verified", "true")
            }}"""


@contextmanager
def lua(folder: Path, api_port: int, cores: Cores, _chosen: frozenset[str]) -> Iterator[Stands]:
    """Nginx with a gate of a dozen lines. Its store shares the other core, as ours does."""
    port, store_port, token = free_port(), free_port(), bearer()
    modules = "\n".join(f"load_module {_module(name)};" for name in _MODULES)
    gate = _LUA_GATE.format(store_port=store_port)
    (folder / "nginx.conf").write_text(nginx_settings(port, api_port, modules=modules, gate=gate))
    store = [str(find_program()), "--bind", "127.0.0.1", "--port", str(store_port), "--save", "", "--dir", str(folder)]
    with process(store, core=cores.others, port=store_port, log=folder / "store.log"):
        with redis.Redis(port=store_port) as client:
            client.set(f"window:{token['Authorization']}", "1")
        with process(nginx_command(folder), core=cores.contender, port=port, log=folder / "log") as pid:
            yield _only_small(forwarding_stands(LUA, port, (pid,), headers=token))


def _module(name: str) -> Path:
    for folder in _MODULE_FOLDERS:
        if (found := folder / name).exists():
            return found
    raise Missing(f"{name} of nginx is not installed: apt-get install libnginx-mod-http-lua")


def _only_small(stands: Stands) -> Stands:
    return tuple(stand for stand in stands if stand.case == "small")


Started = Callable[[Path, int, int, int, Cores], AbstractContextManager[int]]


def _asking(who: str, start: Started) -> Callable[[Path, int, Cores, frozenset[str]], AbstractContextManager[Stands]]:
    @contextmanager
    def contend(folder: Path, api_port: int, cores: Cores, _chosen: frozenset[str]) -> Iterator[Stands]:
        port = free_port()
        with (
            deciding_gateway(folder, api_port, cores) as running,
            start(folder, port, running.port, api_port, cores) as pid,
        ):
            pids = (pid, running.pid)
            yield _only_small(forwarding_stands(who, port, pids, headers=running.bearer(), route="protected"))

    return contend


def _recipe(path: str, *, ports: dict[str, int]) -> str:
    """A recipe of `deploy/`, on other ports. The keys are those that every recipe has."""
    text = (_DEPLOY / path).read_text()
    for old, new in ports.items():
        text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}").replace(f"port_value: {old}", f"port_value: {new}")
    return text


@contextmanager
def _nginx(folder: Path, port: int, gateway_port: int, api_port: int, cores: Cores) -> Iterator[int]:
    ports = {"8000": port, "8080": gateway_port, "9000": api_port}
    recipe = _recipe("nginx/nginx.conf", ports=ports)
    # A recipe for few calls opens a connection for each; for many the API's are kept, as everybody's are here.
    kept = f"server 127.0.0.1:{api_port}; keepalive 600; keepalive_requests 1000000000;"
    recipe = recipe.replace(f"server 127.0.0.1:{api_port};", kept)
    recipe = recipe.replace("keepalive_timeout 10s;", "keepalive_timeout 10s; keepalive_requests 1000000000;")
    head = f"http {{\n{NGINX_FILES}    access_log off;\n    keepalive_requests 1000000000;\n"
    recipe = "worker_processes 1;\ndaemon off;\npid nginx.pid;\n" + recipe.replace("http {\n", head)
    (folder / "nginx.conf").write_text(recipe)
    (folder / "mfa-off.conf").write_text((_DEPLOY / "nginx/mfa-off.conf").read_text())
    with process(nginx_command(folder), core=cores.contender, port=port, log=folder / "log") as pid:
        yield pid


@contextmanager
def _traefik(folder: Path, port: int, gateway_port: int, api_port: int, cores: Cores) -> Iterator[int]:
    ports = {"8000": port, "8080": gateway_port, "9000": api_port}
    for name in ("traefik.yaml", "mfa.yaml"):
        (folder / name).write_text(_recipe(f"traefik/{name}", ports=ports))
    static = folder / "traefik.yaml"
    text = static.read_text().replace("filename: mfa.yaml", f"filename: {folder / 'mfa.yaml'}")
    static.write_text(text + "serversTransport: {maxIdleConnsPerHost: 600}\n")
    command = [program("traefik"), f"--configfile={static}"]
    with process(command, core=cores.contender, port=port, log=folder / "log") as pid:
        yield pid


@contextmanager
def _envoy(folder: Path, port: int, gateway_port: int, api_port: int, cores: Cores) -> Iterator[int]:
    ports = {"8000": port, "8080": gateway_port, "9000": api_port}
    (folder / "envoy.yaml").write_text(_recipe("envoy/envoy.yaml", ports=ports))
    with process(envoy_command(folder), core=cores.contender, port=port, log=folder / "log") as pid:
        yield pid


auth_request = _asking(AUTH_REQUEST, _nginx)
forward_auth = _asking(FORWARD_AUTH, _traefik)
ext_authz = _asking(EXT_AUTHZ, _envoy)
