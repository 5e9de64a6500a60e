"""What an operator sees: /healthz, /readyz and /metrics of a running gateway, and a restart that nobody notices."""

import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.balancer import Balancer, Server
from tests.e2e.installation import Installation, answer, free_port
from tests.e2e.load import Load
from tests.e2e.valkey import Valkey
from tests.e2e.waiting import until

pytestmark = pytest.mark.processes

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: window, paths: ["/window"], policy: mfa}
    - {name: every-time, paths: ["/every-time"], policy: mfa, grace: 0s}
    - {name: soon, paths: ["/soon"], policy: mfa, grace: 0s, enforce: false}
"""
Numbers = dict[tuple[str, ...], float]


class Ops:
    """The other address of a gateway."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._client = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5)

    async def get(self, path: str) -> httpx2.Response:
        return await self._client.get(path)

    async def numbers(self) -> Numbers:
        """Every sample as {(name, label value ...): number}, labels in the order of their names."""
        text = (await self.get("/metrics")).text
        return {
            (
                sample.name.removeprefix("mfa_gateway_"),
                *(value for _, value in sorted(sample.labels.items())),
            ): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    async def reaches(self, name: tuple[str, ...], number: float) -> Numbers:
        """Wait until the workers have told so many; the numbers of that moment."""
        numbers: Numbers = {}

        async def are_there() -> bool:
            numbers.update(await self.numbers())
            return numbers.get(name, 0) >= number

        await until(are_there)
        return numbers

    async def close(self) -> None:
        await self._client.aclose()


@pytest.fixture
async def ops() -> AsyncIterator[Ops]:
    ops = Ops(free_port())
    yield ops
    await ops.close()


async def test_the_numbers_of_all_workers_are_told_together_and_outlive_them(tmp_path: Path, ops: Ops) -> None:
    more = f"ops_listen: 127.0.0.1:{ops.port}\nworkers: 2"
    async with Installation(tmp_path, rules=RULES, more=more) as installation:
        await installation.start()
        token = installation.token()
        await installation.enrol(token)
        close = {"Connection": "close"}
        for _ in range(20):
            assert answer(await installation.call("GET", "/open", headers=close)) == "200"
            assert answer(await installation.call("GET", "/soon", token=token, headers=close)) == "200"
        assert answer(await installation.call("GET", "/window")) == "403/002"
        other = installation.token(sid="another session")
        for guess in range(5):
            await installation.call("GET", "/every-time", token=other, code=f"00000{guess}")

        numbers = await ops.reaches(("bans_total", "call"), 1)
        numbers = await ops.reaches(("shadow_refusals_total", "shop", "code_missing", "soon"), 20)
        assert numbers["verdicts_total", "", "default_policy", "pass"] == 20
        assert numbers["verdicts_total", "", "soon", "pass"] == 20
        assert numbers["verdicts_total", "token_missing", "window", "refuse"] == 1
        assert numbers["verdicts_total", "code_invalid", "every-time", "refuse"] == 5
        assert numbers["ceremonies_total", "activate", "done"] == 1
        assert numbers["ceremonies_total", "verify", "done"] == 1
        assert numbers["sends_total", "email", "sent"] == 1
        assert numbers["judging_seconds_count",] == 46
        assert numbers["store_trips_total",] > 20
        assert numbers["store_up",] == 1

        assert installation.process is not None
        installation.process.send_signal(signal.SIGHUP)
        after = await ops.reaches(("reloads_total", "done"), 1)
        assert after["judging_seconds_count",] == 46
        assert after["verdicts_total", "", "soon", "pass"] == 20


async def test_what_a_shadow_rule_would_have_asked_of_whom_is_in_the_log(tmp_path: Path, ops: Ops) -> None:
    async with Installation(tmp_path, rules=RULES) as installation:
        await installation.start()
        await installation.call(
            "GET", "/soon", token=installation.token("ada"), headers={"X-Request-Id": "from-a-stranger"}
        )
    (line,) = (json.loads(line) for line in installation.log.splitlines() if '"would refuse"' in line)
    assert (line["rule"], line["reason"], line["realm"], line["subject"]) == ("soon", "not_enrolled", "shop", "ada")
    assert line["request_id"] != "from-a-stranger"


async def test_the_request_id_of_a_trusted_proxy_is_that_of_every_line(tmp_path: Path) -> None:
    async with Installation(tmp_path, rules=RULES, more="trusted_proxies: [127.0.0.1]") as installation:
        await installation.start()
        headers = {"X-Request-Id": "of-the-proxy-1"}
        refused = await installation.call("GET", "/window", token=installation.token(), headers=headers)
        body = {"data": {"type": "multi-factor-auth-type-activate", "attributes": {"type": "email"}}}
        where = "/multi-factor-auth-type-activate"
        await installation.call("POST", where, token=installation.token(), headers=headers, json=body)
    assert refused.headers["x-request-id"] == "of-the-proxy-1"
    lines = [json.loads(line) for line in installation.log.splitlines() if '"of-the-proxy-1"' in line]
    assert [(line["event"], line.get("audit")) for line in lines] == [("refused", None), ("ceremony", True)]


async def test_readiness_follows_store_where_it_needs_one_and_the_stop(tmp_path: Path, ops: Ops) -> None:
    valkey = Valkey(tmp_path / "store.sock")
    more = f"ops_listen: 127.0.0.1:{ops.port}\nhealth: {{ready_needs: [store]}}\ntimeouts: {{notice: 10s, drain: 20s}}"
    async with Installation(tmp_path, store=valkey.url, more=more) as installation:
        await installation.start()
        assert (await ops.get("/healthz")).status_code == 200
        away = await ops.get("/readyz")
        assert (away.status_code, away.json()["store"], away.json()["stage"]) == (503, "away", "serving")
        assert "cannot be reached" in away.json()["why"]
        assert answer(await installation.call("GET", "/open")) == "200"

        await valkey.start()
        await _becomes(ops, 200)
        assert (await ops.get("/readyz")).json()["workers"] == {"listening": 1, "wanted": 1}
        await valkey.stop()
        await _becomes(ops, 503)

        await valkey.start()
        await _becomes(ops, 200)
        assert installation.process is not None
        installation.process.send_signal(signal.SIGTERM)
        await _becomes(ops, 503)
        assert (await ops.get("/readyz")).json()["stage"] == "draining"
        assert (await ops.get("/healthz")).status_code == 200
        last = await installation.call("GET", "/open")
        assert (answer(last), last.headers["connection"]) == ("200", "close")
        installation.process.send_signal(signal.SIGTERM)
        await installation.stop()
        await valkey.stop()


async def _becomes(ops: Ops, status: int) -> None:
    async def is_it() -> bool:
        return (await ops.get("/readyz")).status_code == status

    await until(is_it)


async def test_a_gateway_without_its_store_is_ready_unless_it_says_that_it_needs_one(tmp_path: Path, ops: Ops) -> None:
    store = f"unix://{tmp_path}/nobody.sock"
    async with Installation(tmp_path, store=store, more=f"ops_listen: 127.0.0.1:{ops.port}") as installation:
        await installation.start()
        ready = await ops.get("/readyz")
        assert (ready.status_code, ready.json()["ready"], ready.json()["store"]) == (200, True, "away")


async def test_a_rolling_restart_of_one_of_two_behind_a_balancer_loses_no_request(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        valkey = await stack.enter_async_context(Valkey(tmp_path / "store.sock"))
        gateways: list[Installation] = []
        servers: list[Server] = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            server = Server(0, free_port())
            more = f"ops_listen: 127.0.0.1:{server.ops_port}\ntimeouts: {{notice: 500ms}}"
            gateway = await stack.enter_async_context(Installation(folder, store=valkey.url, more=more))
            server.port = gateway.port
            if gateways:
                (folder / "keys").write_text((tmp_path / "one" / "keys").read_text())
            await gateway.start()
            gateways.append(gateway)
            servers.append(server)
        token = gateways[0].token()
        await gateways[0].enrol(token)
        balancer = await stack.enter_async_context(Balancer(servers))
        await balancer.ready(*servers)

        async with Load(balancer.port, target="/customer-password/42", token=token) as load:
            await load.more(100)
            await gateways[1].stop()
            await load.more(100)
            await gateways[1].start()
            await balancer.ready(*servers)
            await load.more(100)
        assert (balancer.lost, load.lost, load.repeated) == ([], [], 0)
        assert set(load.answers) == {200}
