"""Several upstreams behind a running gateway: which of them saw which bytes, and what none of them ever saw."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import httpx2
import pytest
import pytest_asyncio

from tests.e2e.installation import Installation, Recorder, Seen, answer, free_port

# One gateway serves all tests: none of them changes it.
pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: whole-path, paths: ["/shop/orders/**"], policy: mfa, grace: 0s}
    - {name: not-there, paths: ["/orders/**"], policy: deny}
    - {name: secret-files, paths: ["/odd/secret/**"], policy: mfa, grace: 0s}
    - {name: strong-files, paths: ["/odd/strong/{x}"], policy: mfa, dialect: standard, grace: 0s}
    - {name: closed-files, paths: ["/odd/closed"], policy: deny}
    - {name: by-host, hosts: [rules.test], paths: ["/x"], policy: mfa}
"""

UPSTREAMS = """
upstream:
  - {{url: "http://127.0.0.1:{rest}"}}
  - {{url: "http://127.0.0.1:{shop}", prefix: /shop, strip_prefix: true, preserve_host: false}}
  - {{url: "http://127.0.0.1:{shop}", prefix: /odd, odd_targets: strictest}}
  - {{url: "http://127.0.0.1:{host}", host: api.test}}
  - {{url: "http://127.0.0.1:{host}", host: api.test, prefix: /odd/cut, strip_prefix: true, odd_targets: strictest}}
  - {{url: "http://127.0.0.1:{dead}", prefix: /dead}}
"""


@dataclass
class Landscape:
    """A gateway with three upstreams that record, and one that is not there."""

    gateway: Installation
    rest: Recorder
    shop: Recorder
    host: Recorder

    @property
    def recorders(self) -> tuple[Recorder, ...]:
        return self.rest, self.shop, self.host

    def forget(self) -> None:
        for recorder in self.recorders:
            recorder.seen.clear()

    @property
    def targets(self) -> tuple[list[str], ...]:
        """What each of the three saw."""
        return tuple([seen.target for seen in recorder.seen] for recorder in self.recorders)

    def only(self, recorder: Recorder) -> Seen:
        """The one call, which reached this upstream and no other."""
        assert [len(one.seen) for one in self.recorders] == [int(one is recorder) for one in self.recorders]
        return recorder.seen[0]

    async def raw(self, target: str, *fields: str, host: str = "shop.test", connection: str = "close") -> int:
        """One request with exactly these bytes for a target; the status of the answer."""
        head = (f"GET {target} HTTP/1.1", f"Host: {host}", f"Connection: {connection}", *fields, "", "")
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        try:
            writer.write("\r\n".join(head).encode())
            async with asyncio.timeout(10):
                return int((await reader.readuntil(b"\r\n")).split(b" ", 2)[1])
        finally:
            writer.close()
            await writer.wait_closed()

    async def call(self, path: str, *, token: str | None = None, code: str | None = None) -> httpx2.Response:
        return await self.gateway.call("GET", path, token=token, code=code, headers={"Host": "rules.test"})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Landscape]:
    async with AsyncExitStack() as stack:
        shop, host = Recorder(), Recorder()
        for recorder in (shop, host):
            await recorder.start()
            stack.push_async_callback(recorder.stop)
        gateway = await stack.enter_async_context(Installation(tmp_path_factory.mktemp("upstreams"), rules=RULES))
        ports = {"rest": gateway.api.port, "shop": shop.port, "host": host.port, "dead": free_port()}
        _name_upstreams(gateway.config, dedent(UPSTREAMS.format(**ports)))
        await gateway.start()
        yield Landscape(gateway, gateway.api, shop, host)


@pytest.fixture
def there(running: Landscape) -> Landscape:
    running.forget()
    return running


def _name_upstreams(config: Path, upstreams: str) -> None:
    lines = config.read_text().splitlines()
    config.write_text("\n".join(line for line in lines if not line.startswith("upstream:")) + upstreams)


# --- Which upstream ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "target", "seen"),
    [
        ("rules.test", "/", (["/"], [], [])),
        ("rules.test", "/shops", (["/shops"], [], [])),
        ("rules.test", "/shop%2e/x", (["/shop./x"], [], [])),
        ("rules.test", "/shop../x", (["/shop../x"], [], [])),
        ("rules.test", "/SHOP/x", (["/SHOP/x"], [], [])),
        ("rules.test", "/shop", ([], ["/"], [])),
        ("rules.test", "/shop/", ([], ["/"], [])),
        ("rules.test", "/shop/x?y=/z", ([], ["/x?y=/z"], [])),
        ("rules.test", "/%73hop/x%20y/%7Ez", ([], ["/x%20y/~z"], [])),
        ("RULES.test:80", "/shop/x", ([], ["/x"], [])),
        ("api.test", "/shop/x", ([], [], ["/shop/x"])),
        ("api.test", "/odd/cut/x", ([], [], ["/x"])),
        ("api.test.", "/odd/cutter", ([], [], ["/odd/cutter"])),
    ],
)
async def test_the_most_specific_upstream_sees_a_call_and_no_other(
    there: Landscape, host: str, target: str, seen: tuple[list[str], ...]
) -> None:
    assert await there.raw(target, host=host) == 200
    assert there.targets == seen


async def test_a_host_that_nobody_names_is_misdirected(there: Landscape) -> None:
    for target in ("/", "/shop/x", "/odd/a%2Fb", "/dead"):
        assert await there.raw(target, host="evil.test") == 421
    assert await there.raw("/", "X-Forwarded-Host: api.test", host="evil.test") == 421
    assert there.targets == ([], [], [])


async def test_a_forwarded_host_of_a_client_chooses_nothing(there: Landscape) -> None:
    assert await there.raw("/x", "X-Forwarded-Host: api.test", host="api.test") == 200
    there.forget()
    assert await there.raw("/other", "X-Forwarded-Host: api.test", host="rules.test") == 200
    assert there.targets == (["/other"], [], [])


async def test_a_prefix_of_a_client_is_not_believed(there: Landscape) -> None:
    headers = ("X-Forwarded-Prefix: /evil", "X_Forwarded_Prefix: /evil", "Connection: X-Forwarded-Prefix")
    assert await there.raw("/shop/x", *headers, host="rules.test") == 200
    assert there.only(there.shop).values("x-forwarded-prefix") == ["/shop"]
    there.forget()
    assert await there.raw("/plain", *headers, host="rules.test") == 200
    assert there.only(there.rest).values("x-forwarded-prefix") == []


async def test_the_host_is_kept_or_replaced_and_told_in_both_cases(there: Landscape) -> None:
    assert await there.raw("/plain", host="rules.test") == 200
    kept = there.only(there.rest)
    assert (kept.values("host"), kept.values("x-forwarded-host")) == (["rules.test"], ["rules.test"])
    there.forget()
    assert await there.raw("/shop", host="rules.test") == 200
    replaced = there.only(there.shop)
    assert replaced.values("host") == [f"127.0.0.1:{there.shop.port}"]
    assert replaced.values("x-forwarded-host") == ["rules.test"]
    assert (replaced.values("x-forwarded-for"), replaced.values("x-forwarded-proto")) == (["127.0.0.1"], ["http"])


async def test_a_dead_upstream_fails_its_own_calls_alone(there: Landscape) -> None:
    assert await there.raw("/dead/x", host="rules.test") == 502
    assert await there.raw("/plain", host="rules.test") == 200
    assert there.targets == (["/plain"], [], [])


# --- Rules and prefixes -----------------------------------------------------------------------


async def test_rules_see_the_whole_path_and_not_what_is_left_of_it(there: Landscape) -> None:
    token = there.gateway.token("prefix")
    await _enrol(there, token)
    refused = await there.call("/shop/orders/1", token=token)
    assert (answer(refused), there.targets) == ("403/5900", ([], [], []))
    code = await _fresh_code(there, token)
    assert (await there.call("/shop/orders/1", token=token, code=code)).status_code == 200
    seen = there.only(there.shop)
    assert (seen.target, seen.values("x-mfa-verified")) == ("/orders/1", ["true"])


async def _enrol(there: Landscape, token: str) -> None:
    for step in ("type-activate", "type-verify"):
        code = None if step == "type-activate" else await there.gateway.mailbox.code()
        assert (await _ceremony(there, step, token, code)).status_code == 204


async def _fresh_code(there: Landscape, token: str) -> str:
    assert (await _ceremony(there, "trigger", token, None)).status_code == 204
    return await there.gateway.mailbox.code()


async def _ceremony(there: Landscape, step: str, token: str, code: str | None) -> httpx2.Response:
    name = f"multi-factor-auth-{step}"
    body = {"data": {"type": name, "attributes": {"type": "email"}}}
    headers = {"Host": "rules.test"}
    return await there.gateway.call("POST", f"/{name}", token=token, code=code, json=body, headers=headers)


# --- Odd targets ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target", ["/odd/a%2Fb", "/odd/a%2fb?x=%zz", "/odd/a;v=1;w/b", "/odd//b///", "/odd/caf%c3%a9;|/%7ex", "/odd/;v"]
)
async def test_an_odd_target_goes_on_byte_by_byte(there: Landscape, target: str) -> None:
    assert await there.raw(target, host="rules.test") == 200
    assert there.only(there.shop).target == target


@pytest.mark.parametrize(("target", "cut"), [("/odd/cut/a%2fb;v//c", "/a%2fb;v//c"), ("/odd/c%75t/a;", "")])
async def test_an_odd_target_loses_its_prefix_and_nothing_else(there: Landscape, target: str, cut: str) -> None:
    assert await there.raw(target, host="api.test") == (200 if cut else 400)
    assert there.targets == ([], [], [cut] if cut else [])


@pytest.mark.parametrize(
    "target",
    [
        *("/odd/secret;v=1", "/odd/secret%2Fx", "/odd//secret/x", "/odd/secret//x", "/odd%2Fsecret/a/../x"),
        *("/odd/secret;jsessionid=1/x", "/odd/%73ecret;/x", "/odd/secret/a%2Fb", "/odd/secret;%2Fx", "/odd/;/secret"),
    ],
)
async def test_an_odd_target_with_a_protected_reading_asks_who_calls(there: Landscape, target: str) -> None:
    status = await there.raw(target, host="rules.test")
    assert (status, there.targets) == (400 if "/../" in target or "odd%2F" in target else 403, ([], [], []))


async def test_an_odd_target_is_refused_in_the_dialect_of_its_rule_until_there_is_a_code(there: Landscape) -> None:
    token = there.gateway.token("odd")
    await _enrol(there, token)
    assert answer(await there.call("/odd/secret%2Fx", token=token)) == "403/5900"
    standard = await there.call("/odd/strong%2Fx", token=token)
    assert (standard.status_code, standard.json()["code"]) == (401, "code_missing")
    assert (await there.call("/odd/closed;v=1", token=token)).status_code == 403
    assert there.targets == ([], [], [])
    code = await _fresh_code(there, token)
    assert (await there.call("/odd/secret%2Fx", token=token, code=code)).status_code == 200
    assert there.only(there.shop).target == "/odd/secret%2Fx"


@pytest.mark.parametrize(
    "target",
    [
        *("/plain/a%2Fb", "/plain;v=1", "/plain//x", "//odd/x", "/odd%2Fx", "/odd;v=1/x", "/%6fdd//x"),
        *("/odd/../a;", "/odd/..;/a", "/odd/a%2F..%2Fb", "/odd/a%2F%2e%2e", "/odd//%00", "/odd//%0a", "/odd//%zz"),
        *("/odd//%", "/odd/%5Ca;", "/odd\\a;", "/odd//%252e%252e", "/odd/a;#x", "/odd/" + ";v" * 30),
        *("/shop//x", "/shop%2Fx", "/shop/../orders", "/shop/%2e%2e/orders", "/shop/..%2Forders", "/shop;v/x"),
    ],
)
async def test_what_is_not_wanted_or_leads_elsewhere_is_400(there: Landscape, target: str) -> None:
    assert (await there.raw(target, host="rules.test"), there.targets) == (400, ([], [], []))


@pytest.mark.parametrize("target", ["/odd/cut//x", "/odd/cut/%2Fx", "/odd/cut/;/x"])
async def test_nothing_with_two_slashes_in_front_is_left_of_a_prefix(there: Landscape, target: str) -> None:
    assert (await there.raw(target, host="api.test"), there.targets) == (400, ([], [], []))


# --- WebSockets -------------------------------------------------------------------------------

HANDSHAKE = ("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")


async def test_a_handshake_goes_the_way_of_a_call(there: Landscape) -> None:
    assert await there.raw("/shop/socket", *HANDSHAKE, host="rules.test", connection="Upgrade") == 200
    seen = there.only(there.shop)
    assert (seen.target, seen.values("x-forwarded-prefix"), seen.values("upgrade")) == (
        "/socket",
        ["/shop"],
        ["websocket"],
    )


@pytest.mark.parametrize(
    ("host", "target", "status"),
    [("evil.test", "/shop", 421), ("rules.test", "/odd/secret%2Fx", 403), ("rules.test", "/plain//x", 400)],
)
async def test_a_handshake_is_judged_as_a_call(there: Landscape, host: str, target: str, status: int) -> None:
    assert await there.raw(target, *HANDSHAKE, host=host, connection="Upgrade") == status
    assert there.targets == ([], [], [])


# --- Nobody's calls ---------------------------------------------------------------------------

NARROW = """
upstream:
  - {{url: "http://127.0.0.1:{api}", prefix: /served, odd_targets: strictest}}
  - {{url: "http://127.0.0.1:{api}", host: all.test, odd_targets: strictest}}
"""


async def test_what_nobody_serves_is_404_and_a_ceremony_comes_before_every_upstream(tmp_path: Path) -> None:
    async with Installation(tmp_path) as gateway:
        _name_upstreams(gateway.config, dedent(NARROW.format(api=gateway.api.port)))
        await gateway.start()
        there = Landscape(gateway, gateway.api, Recorder(), Recorder())
        answers = {
            ("all.test", "/served"): 200,
            ("all.test", "/other"): 200,
            ("all.test", "/multi-factor-auth-types"): 403,
            ("all.test", "/multi-factor-auth-types/"): 404,
            ("all.test", "/multi-factor-auth-types;v"): 404,
            ("all.test", "/multi-factor-auth-types%2F"): 404,
            ("other.test", "/served"): 421,
        }
        for (host, target), status in answers.items():
            assert await there.raw(target, host=host) == status, (host, target)
        assert there.targets[0] == ["/served", "/other"]
        gateway.config.write_text(gateway.config.read_text().replace("host: all.test", "prefix: /too"))
        await gateway.stop()
        await gateway.restart()
        there.forget()
        assert [await there.raw(target) for target in ("/served/x", "/too", "/other", "/")] == [200, 200, 404, 404]
        assert there.targets[0] == ["/served/x", "/too"]


async def test_the_only_upstream_may_take_odd_targets_too(tmp_path: Path) -> None:
    async with Installation(tmp_path) as gateway:
        only = '\nupstream: [{{url: "http://127.0.0.1:{api}", odd_targets: strictest}}]\n'
        _name_upstreams(gateway.config, only.format(api=gateway.api.port))
        await gateway.start()
        there = Landscape(gateway, gateway.api, Recorder(), Recorder())
        assert [await there.raw(target) for target in ("/a%2Fb;v//c", "/..;/a", "//a")] == [200, 400, 400]
        assert there.targets[0] == ["/a%2Fb;v//c"]


# --- Told beforehand --------------------------------------------------------------------------


async def test_check_and_explain_say_who_serves_what(there: Landscape) -> None:
    told = await _told(there, "check")
    assert f"forwards every host to http://127.0.0.1:{there.rest.port}" in told
    assert f"forwards every host /shop (taken off) to http://127.0.0.1:{there.shop.port}" in told
    assert "forwards every host /odd, odd paths by their strictest reading, to" in told
    assert "forwards api.test to" in told
    plain = await _told(there, "explain", "GET", "/shop/orders/1?x", "--host", "rules.test")
    assert "whole-path" in plain
    assert f"Goes to http://127.0.0.1:{there.shop.port} (upstream[1]) as /orders/1" in plain
    odd = await _told(there, "explain", "GET", "/odd/secret%2Fx", "--host", "rules.test")
    assert "/odd/secret/x" in odd
    assert "The strictest counts: secret-files. Callers need: A bearer token" in odd
    assert f"Goes to http://127.0.0.1:{there.shop.port} (upstream[2]) as /odd/secret%2Fx" in odd


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("/plain%2Fx", "--host", "rules.test"), "400 before any rule is asked: a separator is percent-encoded"),
        (("/odd/..;/x", "--host", "rules.test"), "400 before any rule is asked: the path holds ';' parameters"),
        (("/x", "--host", "evil.test"), "421 before any rule is asked: no rule and no upstream is for host evil.test"),
        (("/x",), "421 before any rule is asked: no rule and no upstream is for a call without --host"),
        (("/x", "--host", "a b"), "400 before any rule is asked: the host is missing or malformed"),
    ],
)
async def test_explain_says_what_is_answered_before_any_rule(
    there: Landscape, words: tuple[str, ...], why: str
) -> None:
    process = await there.gateway.command("explain", "GET", *words)
    await process.communicate()
    assert process.returncode == 1
    assert why in " ".join(there.gateway.log.split())


async def _told(there: Landscape, *words: str) -> str:
    process = await there.gateway.command(*words)
    output, _ = await process.communicate()
    assert process.returncode == 0, there.gateway.log
    return " ".join(output.decode().split())
