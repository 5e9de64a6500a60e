"""Rivals that forward plainly: each with the smallest configuration that keeps its connections to the API open.

None of them logs calls, which for most is the default, and every one has a single worker. What stays out: those that
decide about calls (gates).
"""

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tests.benchmarks.cases import Stand, forwarding_stands
from tests.benchmarks.cores import Cores
from tests.benchmarks.population import subject_of, token_of
from tests.benchmarks.processes import free_port, process

DIRECT: Final = "the API itself, no proxy"
NGINX: Final = "nginx, forwarding plainly"
HAPROXY: Final = "HAProxy, forwarding plainly"
TRAEFIK: Final = "Traefik, forwarding plainly"
CADDY: Final = "Caddy, forwarding plainly"
ENVOY: Final = "Envoy, forwarding plainly"
LIBRARY: Final = "fastapi-proxy-lib (httpx, uvicorn), forwarding plainly"

Stands = tuple[Stand, ...]


class Missing(Exception):
    """A program or package that a contender needs is not installed."""


def program(name: str) -> str:
    """Where a program is.

    Raises:
        Missing: nowhere.
    """
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name, path="/usr/sbin:/sbin") or shutil.which(name)
    if found is None:
        raise Missing(f"{name} is not installed")
    return found


def bearer() -> dict[str, str]:
    """The same request as ours gets, token and all."""
    return {"Authorization": f"Bearer {token_of(subject_of(0), 'x' * 32)}"}


@contextmanager
def direct(_folder: Path, api_port: int, _cores: Cores, _chosen: frozenset[str]) -> Iterator[Stands]:
    """What load and API take by themselves, to be taken off latencies."""
    stands = forwarding_stands(DIRECT, api_port, (), headers=bearer())
    yield tuple(stand for stand in stands if stand.case == "one")


NGINX_FILES: Final = "".join(
    f"    {what}_temp_path {what};\n" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)
# Enough for any run: nginx closes a connection after so many requests.
_FOR_EVER: Final = 1_000_000_000


def nginx_settings(port: int, api_port: int, *, modules: str = "", gate: str = "") -> str:
    """nginx in front of the API. `gate` stands where a location says what happens before it forwards."""
    return f"""
{modules}
worker_processes 1;
daemon off;
pid nginx.pid;
events {{ worker_connections 4096; }}
http {{
{NGINX_FILES}
    access_log off;
    keepalive_requests {_FOR_EVER};
    client_body_buffer_size 128k;
    proxy_max_temp_file_size 0;
    map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
    upstream api {{ server 127.0.0.1:{api_port}; keepalive 600; keepalive_requests {_FOR_EVER}; }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            {gate}
            proxy_pass http://api;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
    }}
}}
"""


def nginx_command(folder: Path) -> list[str]:
    """nginx with everything that it writes in this folder."""
    return [program("nginx"), "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]


@contextmanager
def nginx(folder: Path, api_port: int, cores: Cores, _chosen: frozenset[str]) -> Iterator[Stands]:
    """Nginx."""
    port = free_port()
    (folder / "nginx.conf").write_text(nginx_settings(port, api_port))
    with process(nginx_command(folder), core=cores.contender, port=port, log=folder / "log") as pid:
        yield forwarding_stands(NGINX, port, (pid,), headers=bearer())


@contextmanager
def haproxy(folder: Path, api_port: int, cores: Cores, _chosen: frozenset[str]) -> Iterator[Stands]:
    """HAProxy with one thread."""
    port = free_port()
    (folder / "haproxy.cfg").write_text(
        f"""
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 3s
    timeout client 30s
    timeout server 60s
    timeout tunnel 1h
    http-reuse always
frontend clients
    bind 127.0.0.1:{port}
    default_backend api
backend api
    server api 127.0.0.1:{api_port} pool-max-conn 1000
"""
    )
    command = [program("haproxy"), "-f", str(folder / "haproxy.cfg"), "-db"]
    with process(command, core=cores.contender, port=port, log=folder / "log") as pid:
        yield forwarding_stands(HAPROXY, port, (pid,), headers=bearer())


@contextmanager
def traefik(folder: Path, api_port: int, cores: Cores, _chosen: frozenset[str]) -> Iterator[Stands]:
    """Traefik."""
    port = free_port()
    dynamic = f"""
http:
  routers: {{all: {{rule: "PathPrefix(`/`)", service: api}}}}
  services: {{api: {{loadBalancer: {{servers: [{{url: "http://127.0.0.1:{api_port}"}}]}}}}}}
  serversTransports: {{default: {{maxIdleConnsPerHost: 600}}}}
"""
    with traefik_process(folder, port, dynamic, cores) as pid:
        yield forwarding_stands(TRAEFIK, port, (pid,), headers=bearer())


@contextmanager
def traefik_process(folder: Path, port: int, dynamic: str, cores: Cores) -> Iterator[int]:
    """Traefik on these routers; its first process."""
    (folder / "dynamic.yaml").write_text(dynamic)
    command = [
        program("traefik"),
        f"--entrypoints.web.address=127.0.0.1:{port}",
        f"--providers.file.filename={folder / 'dynamic.yaml'}",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--serverstransport.maxidleconnsperhost=600",
    ]
    with process(command, core=cores.contender, port=port, log=folder / "log") as pid:
        yield pid


@contextmanager
def caddy(folder: Path, api_port: int, cores: Cores, _chosen: frozenset[str]) -> Iterator[Stands]:
    """Caddy."""
    port = free_port()
    (folder / "Caddyfile").write_text(
        f"""
{{
	admin off
	auto_https off
}}
http://:{port} {{
	bind 127.0.0.1
	reverse_proxy 127.0.0.1:{api_port} {{
		transport http {{
			keepalive_idle_conns_per_host 600
		}}
	}}
}}
"""
    )
    command = [program("caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with process(command, core=cores.contender, port=port, log=folder / "log", environ=home) as pid:
        yield forwarding_stands(CADDY, port, (pid,), headers=bearer())


@contextmanager
def envoy(folder: Path, api_port: int, cores: Cores, _chosen: frozenset[str]) -> Iterator[Stands]:
    """Envoy with one worker."""
    port = free_port()
    manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
    (folder / "envoy.yaml").write_text(
        f"""
static_resources:
  listeners:
    - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": {manager}
                stat_prefix: clients
                upgrade_configs: [{{upgrade_type: websocket}}]
                http_filters: [{{name: router, typed_config: {{"@type": {router}}}}}]
                route_config:
                  virtual_hosts:
                    - {{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: api}}}}]}}
  clusters:
    - name: api
      connect_timeout: 3s
      load_assignment: {_endpoint("api", api_port)}
"""
    )
    with process(envoy_command(folder), core=cores.contender, port=port, log=folder / "log") as pid:
        yield forwarding_stands(ENVOY, port, (pid,), headers=bearer())


def _endpoint(name: str, port: int) -> str:
    address = f"{{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}"
    return f"{{cluster_name: {name}, endpoints: [{{lb_endpoints: [{{endpoint: {address}}}]}}]}}"


def envoy_command(folder: Path) -> list[str]:
    """Envoy on the configuration in this folder."""
    words = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
    return [program("envoy"), "-c", str(folder / "envoy.yaml"), *words]


@contextmanager
def library(folder: Path, api_port: int, cores: Cores, _chosen: frozenset[str]) -> Iterator[Stands]:
    """What a reverse proxy costs that is put together from packages of Python."""
    if find_spec("fastapi_proxy_lib") is None:
        raise Missing("fastapi-proxy-lib is not installed")
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.bare", "library", str(port), str(api_port)]
    with process(command, core=cores.contender, port=port, log=folder / "log") as pid:
        stands = forwarding_stands(LIBRARY, port, (pid,), headers=bearer())
        yield tuple(stand for stand in stands if stand.case in {"small", "64k"})


VERSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "nginx": ("nginx", "-v"),
    "HAProxy": ("haproxy", "-v"),
    "Traefik": ("traefik", "version"),
    "Caddy": ("caddy", "version"),
    "Envoy": ("envoy", "--version"),
}
