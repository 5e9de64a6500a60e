"""Two gateways behind HAProxy, one of them restarted under load; and a policy that breaks under load.

HAProxy asks /readyz ten times a second, keeps its connections to the gateways, and repeats nothing that it has sent.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.front import rewrite
from tests.e2e.installation import Installation, answer, free_port
from tests.e2e.load import Load
from tests.e2e.processes import miss, workers
from tests.e2e.test_supervision import logged
from tests.e2e.valkey import Valkey
from tests.e2e.waiting import until
from tests.e2e.wire import connected, request

pytestmark = pytest.mark.processes

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: window, paths: ["/window"], policy: mfa}
"""
CONFIGURATION = """
global
  maxconn 1000
defaults
  mode http
  timeout connect 2s
  timeout client 20s
  timeout server 20s
  retries 3
  retry-on conn-failure
  option redispatch
frontend clients
  bind 127.0.0.1:{port}
  default_backend gateways
backend gateways
  balance roundrobin
  http-reuse always
  option httpchk GET /readyz
  default-server check inter 100ms fall 1 rise 1
"""


@asynccontextmanager
async def balancing(folder: Path, servers: dict[int, int]) -> AsyncIterator[int]:
    """HAProxy before these: its port. `servers`: where each serves, and where it says whether it is ready."""
    program = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        miss("no haproxy on the path")
    port, file = free_port(), folder / "haproxy.cfg"
    lines = [f"  server s{served} 127.0.0.1:{served} port {ops}\n" for served, ops in servers.items()]
    file.write_text(CONFIGURATION.format(port=port) + "".join(lines))
    with (folder / "haproxy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(program, "-db", "-f", str(file), stdout=log, stderr=log)
    try:
        await until(lambda: _answers(port))
        yield port
    finally:
        process.terminate()
        await process.wait()


async def _answers(port: int) -> bool:
    try:
        async with connected(port) as client:
            return (await client.ask(request("/open"))).status == 200
    except (ConnectionError, asyncio.IncompleteReadError):
        return False


async def test_restarting_one_of_two_gateways_behind_haproxy_loses_no_request(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        valkey = await stack.enter_async_context(Valkey(tmp_path / "store.sock"))
        gateways: list[Installation] = []
        servers: dict[int, int] = {}
        for name in ("one", "two"):
            folder, ops = tmp_path / name, free_port()
            folder.mkdir()
            more = f"ops_listen: 127.0.0.1:{ops}\ntimeouts: {{notice: 600ms}}"
            gateway = await stack.enter_async_context(Installation(folder, rules=RULES, store=valkey.url, more=more))
            (folder / "keys").write_text(((tmp_path / "one") / "keys").read_text())
            gateways.append(gateway)
            servers[gateway.port] = ops
        await asyncio.gather(*(gateway.start() for gateway in gateways))
        token = gateways[0].token()
        await gateways[0].enrol(token)
        port = await stack.enter_async_context(balancing(tmp_path, servers))

        async with Load(port, target="/window", clients=4, token=token) as load:
            await load.more(200)
            await gateways[1].stop()
            await load.more(200)
            await gateways[1].start()
            before = len(gateways[1].api.seen)
            await until(lambda: len(gateways[1].api.seen) > before + 50)
    assert (load.lost, load.repeated, load.refused) == ([], 0, 0)
    assert set(load.answers) == {200}


async def test_a_broken_policy_under_load_changes_nothing(tmp_path: Path) -> None:
    async with Installation(tmp_path, rules=RULES, more="workers: 2") as gateway:
        await gateway.start()
        token = gateway.token()
        await gateway.enrol(token)
        served_by = workers(gateway)
        rewrite(gateway, "policy: mfa}", "policy: open}\n    - {name: another, paths: [/window/*], policy: mfa}")
        assert gateway.process is not None
        async with Load(gateway.port, target="/window", clients=4, token=token) as load:
            await load.more(100)
            gateway.process.send_signal(signal.SIGHUP)
            await logged(gateway, "configuration not reloaded")
            await load.more(100)
        assert (load.lost, load.repeated, set(load.answers)) == ([], 0, {200})
        assert workers(gateway) == served_by
        assert "access_control.rules[1].paths" in gateway.log
        seen = len(gateway.api.seen)
        for _ in range(8):
            refused = await gateway.call("GET", "/window", headers={"Connection": "close"})
            assert answer(refused) == "403/002"
        assert len(gateway.api.seen) == seen
