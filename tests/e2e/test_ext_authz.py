"""The real Envoy, which asks the gateway by gRPC before it forwards anything."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.e2e.grpc_envoy import CLIENT, MORE, Envoy
from tests.e2e.installation import Installation, answer, free_port
from tests.e2e.processes import ON_LINUX, workers
from tests.e2e.valkey import Valkey
from tests.e2e.waiting import until

pytestmark = [pytest.mark.processes, ON_LINUX, pytest.mark.asyncio(loop_scope="module")]

PROTECTED = ("PATCH", "/customer-password/42")
RULES = """
access_control:
  default_policy: open
  rules:
    - {name: change-password, methods: [PATCH], paths: ["/customer-password/{id}"], policy: mfa}
    - {name: best-effort, paths: ["/best-effort"], policy: mfa, on_store_error: allow}
    - {name: log-out, methods: [POST], paths: ["/log-out"], policy: mfa, on_success: revoke, grace: 1h}
    - {name: standard, paths: ["/standard"], policy: mfa, dialect: standard, scope: account}
"""

TWO_READINGS = (
    "/open/../customer-password/42",
    "//customer-password/42",
    "/customer-password%2f42",
    "/customer-password/42;x",
    "/customer-password/42#x",
    "/open/%2e%2e/customer-password/42",
    "http://gw.test/customer-password//42",
)


class Behind(Installation):
    """An installation whose clients come through Envoy."""

    envoy: Envoy

    async def reached(self) -> None:
        await self._close_client()
        self.client = self.envoy.client

    async def _close_client(self) -> None:
        if not self.client.is_closed:
            await self.client.aclose()


@asynccontextmanager
async def behind(folder: Path, valkey: Valkey) -> AsyncIterator[Behind]:
    port = free_port()
    more = MORE.format(port=port) + "workers: 2"
    async with Behind(folder, store=valkey.url, rules=RULES, more=more) as running:
        await running.start()
        async with Envoy(running, decisions=port) as envoy:
            running.envoy = envoy
            await running.reached()
            yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Behind]:
    folder = tmp_path_factory.mktemp("gateway")
    async with Valkey(folder / "store.sock") as valkey, behind(folder, valkey) as running:
        yield running


@pytest.fixture
def installation(shared: Behind) -> Behind:
    """For tests that leave it as it is; each has callers of its own."""
    shared.api.seen.clear()
    return shared


@pytest_asyncio.fixture(loop_scope="module")
async def valkey(tmp_path: Path) -> AsyncIterator[Valkey]:
    async with Valkey(tmp_path / "store.sock") as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def alone(tmp_path: Path, valkey: Valkey) -> AsyncIterator[Behind]:
    """For tests that take it apart."""
    folder = tmp_path / "gateway"
    folder.mkdir()
    async with behind(folder, valkey) as running:
        yield running


async def test_a_second_factor_is_enforced_by_envoy(installation: Behind) -> None:
    token, api = installation.token("caller-1"), installation.api
    assert answer(await installation.call(*PROTECTED)) == "403/002"
    assert answer(await installation.call(*PROTECTED, token=token)) == "403/5906"
    await installation.enrol(token)
    assert api.seen == []

    assert answer(await installation.call(*PROTECTED, token=token)) == "200"
    (seen,) = api.seen
    assert (seen.target, seen.values("x-mfa-verified"), seen.values("x-mfa-method")) == (
        PROTECTED[1], ["true"], ["email"],
    )  # fmt: skip


async def test_a_code_is_redeemed_and_goes_no_further(installation: Behind) -> None:
    token = installation.token("caller-2")
    await installation.enrol(token)
    code = await installation.fresh_code(token)
    assert answer(await installation.call(*PROTECTED, token=token, code="000000")) == "403/5901"
    assert answer(await installation.call(*PROTECTED, token=token, code=code)) == "200"
    assert installation.api.seen[-1].values("x-mfa-code") == []


async def test_what_a_client_says_in_the_gateways_name_changes_nothing(installation: Behind) -> None:
    spoofed = {
        "X-MFA-Verified": "true", "X_MFA_Method": "totp", "X-Mfa.User": "b", "X-Original-URL": "/open",
        "X-Forwarded-Uri": "/open", "X-Forwarded-Method": "GET", "X-HTTP-Method-Override": "GET",
        "X-MFA-Age": "0", "X-MFA-Code": "", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "open.test",
    }  # fmt: skip
    token = installation.token("caller-3")
    assert (await installation.call(*PROTECTED, token=token, headers=spoofed)).status_code == 403
    assert installation.api.seen == []
    await installation.enrol(token)
    assert answer(await installation.call(*PROTECTED, token=token, headers=spoofed)) == "200"
    seen = installation.api.seen[-1]
    assert seen.values("x-mfa-verified") == ["true"]
    assert seen.values("x-mfa-method") == ["email"]
    ours = {name for name, _ in seen.headers if name.replace("_", "-").replace(".", "-").startswith("x-mfa-")}
    assert ours == {"x-mfa-verified", "x-mfa-method", "x-mfa-age"}
    assert not {"x-original-url", "x-forwarded-uri", "x-forwarded-method", "x-http-method-override"} & {
        name for name, _ in seen.headers
    }


async def test_a_target_with_two_readings_goes_nowhere(installation: Behind) -> None:
    for target in TWO_READINGS:
        got = await installation.envoy.raw(f"PATCH {target} HTTP/1.1\nhost: gw.test\ncontent-length: 0\n\n")
        assert got.startswith(b"HTTP/1.1 400 "), target
    assert installation.api.seen == []


async def test_a_path_is_forwarded_as_it_was_judged(installation: Behind) -> None:
    token = installation.token("caller-4")
    await installation.enrol(token)
    assert (await installation.call("PATCH", "/customer-p%61ssword/42?a=%61", token=token)).status_code == 200
    assert installation.api.seen[-1].target == "/customer-password/42?a=%61"


async def test_h04_copies_are_refused(installation: Behind) -> None:
    bearer = f"authorization: Bearer {installation.token('caller-5')}\n"
    for copies in (bearer * 2, bearer + "x-mfa-code: 1\nx-mfa-code: 2\n"):
        got = await installation.envoy.raw(
            f"PATCH {PROTECTED[1]} HTTP/1.1\nhost: gw.test\ncontent-length: 0\n{copies}\n"
        )
        assert got.startswith(b"HTTP/1.1 400 "), copies
    assert installation.api.seen == []


async def test_a_challenge_reaches_the_client_with_its_body(installation: Behind) -> None:
    refused = await installation.call("GET", "/standard")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer ")
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["cache-control"] == "no-store"
    assert refused.json()["code"] == refused.headers["x-mfa-error-code"] == "token_missing"


async def test_a_log_out_ends_what_was_proved(installation: Behind) -> None:
    token = installation.token("caller-6")
    await installation.enrol(token)
    assert answer(await installation.call("POST", "/log-out", token=token)) == "200"
    assert answer(await installation.call(*PROTECTED, token=token)) == "403/5900"


async def test_envoy_has_its_answer_in_time_while_the_store_stands_still(alone: Behind, valkey: Valkey) -> None:
    """`store.timeout` of an installation is 2 s, and Envoy waits for 200 ms."""
    token = alone.token("somebody whom nobody remembers")
    await valkey.freeze()
    try:
        for path, expected in ((PROTECTED, 503), (("GET", "/best-effort"), 200), (("GET", "/open"), 200)):
            began = monotonic()
            got = await alone.call(*path, token=token)
            assert (got.status_code, monotonic() - began < 1) == (expected, True), path
            if expected == 503:
                # Envoy's own word for a decision that did not come would be 503 as well, and say nothing.
                assert got.headers["x-mfa-error-code"]
    finally:
        await valkey.thaw()
    assert [seen.target for seen in alone.api.seen] == ["/best-effort", "/open"]
    assert alone.api.seen[0].values("x-mfa-verified") == []


async def test_a_gateway_that_is_gone_lets_nothing_through(alone: Behind) -> None:
    await alone.stop()
    assert (await alone.call("GET", "/open")).status_code == 503
    assert alone.api.seen == []


async def test_a_reload_costs_no_decision(alone: Behind) -> None:
    before = workers(alone)
    assert alone.process is not None
    alone.process.send_signal(1)

    async def is_reloaded() -> bool:
        assert (await alone.call("GET", "/open")).status_code == 200
        return "configuration reloaded" in alone.log and not {*workers(alone)} & {*before}

    await until(is_reloaded)


async def test_a_web_socket_is_opened_with_a_token_that_goes_no_further(installation: Behind) -> None:
    token, seen = installation.token("caller-7"), list[dict[str, str]]()
    await installation.enrol(token)

    async def talk(socket: ServerConnection) -> None:
        assert socket.request is not None
        seen.append({name.lower(): value for name, value in socket.request.headers.raw_items()})
        await socket.send("hello")

    decisions = int(installation.config.read_text().rpartition("ext_authz: {listen: 127.0.0.1:")[2].split("}")[0])
    async with serve(talk, "127.0.0.1", 0) as api:
        port = next(iter(api.sockets)).getsockname()[1]
        async with Envoy(installation, decisions=decisions, api=port) as envoy:
            url = f"ws://127.0.0.1:{envoy.port}/standard"
            with pytest.raises(InvalidStatus) as told:
                await connect(url, local_addr=(CLIENT, 0), proxy=None)
            assert told.value.response.status_code == 401
            assert told.value.response.headers["x-mfa-error-code"] == "token_missing"
            offered = [Subprotocol("mfa.bearer"), Subprotocol(f"mfa.bearer.{token}")]
            async with connect(url, subprotocols=offered, local_addr=(CLIENT, 0), proxy=None) as socket:
                assert socket.subprotocol == "mfa.bearer"
                assert await socket.recv() == "hello"
    (handshake,) = seen
    assert handshake["x-mfa-verified"] == "true"
    assert handshake["authorization"] == f"Bearer {token}"
    assert "sec-websocket-protocol" not in handshake


async def test_only_envoy_may_ask(tmp_path: Path) -> None:
    port = free_port()
    more = MORE.format(port=port).replace("127.0.0.1/32", "192.0.2.0/24")
    async with Installation(tmp_path, more=more) as installation:
        await installation.start()
        async with Envoy(installation, decisions=port) as envoy:
            assert (await envoy.client.get("/open")).status_code in (403, 503)
        assert "a peer that is not in trusted_proxies asked" in installation.log
        assert installation.api.seen == []
