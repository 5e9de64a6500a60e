"""A page of another origin behind the gate, in a real browser: preflights, refusals it can read, codes, and success."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.e2e.backend import Backend, Link, echo
from tests.e2e.browser import Pages, browsing
from tests.e2e.front import fronting, put_behind
from tests.e2e.installation import Installation
from tests.e2e.waiting import until

pytestmark = pytest.mark.processes

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: every-time, paths: ["/every-time"], policy: mfa, grace: 0s}
    - {name: window, paths: ["/window"], policy: mfa}
"""

CUSTOMER = """
    const bearer = {Authorization: "Bearer " + given.token};
    const call = async (method, path, more = {}, body = undefined) =>
        read(await fetch(given.gateway + path, {method, headers: {...bearer, ...more}, body}));
    const ceremony = (step, more = {}) => call("POST", "/multi-factor-auth-" + step,
        {"Content-Type": "application/vnd.api+json", ...more},
        JSON.stringify({data: {type: "multi-factor-auth-" + step, attributes: {type: "email"}}}));
    const outcome = {};
    outcome.open = await call("GET", "/open");
    outcome.not_enrolled = await call("PATCH", "/every-time");
    outcome.activated = await ceremony("type-activate");
    outcome.verified = await ceremony("type-verify", {"X-MFA-Code": await ask("code")});
    outcome.in_grace = await call("GET", "/window");
    outcome.refused = await call("PATCH", "/every-time");
    outcome.triggered = await ceremony("trigger");
    const code = await ask("code");
    outcome.wrong = await call("PATCH", "/every-time", {"X-MFA-Code": "000000"});
    outcome.done = await call("PATCH", "/every-time", {"X-MFA-Code": code}, "a body");
    outcome.again = await call("PATCH", "/every-time", {"X-MFA-Code": code});
    await say(outcome);
"""

STRANGER = """
    const outcome = {};
    const tried = (method, path) =>
        fetch(given.gateway + path, {method, headers: {Authorization: "Bearer " + given.token}})
            .then((response) => response.status, (error) => error.name);
    outcome.protected = await tried("PATCH", "/every-time");
    outcome.ceremony = await tried("GET", "/multi-factor-auth-types");
    await say(outcome);
"""


async def api(link: Link) -> None:
    """An API that lets every page read its answers, as one behind a gateway has to by itself."""
    while True:
        seen = await link.request()
        await link.send(echo(seen, *(f"Access-Control-Allow-Origin: {origin}" for origin in seen.values("origin"))))


async def test_a_page_of_another_origin_reads_refusals_and_gets_in_with_a_code(tmp_path: Path) -> None:
    async with Pages(lambda _: front.installation.mailbox.code()) as pages:
        more = f'cors: {{origins: ["http://localhost:{pages.port}"]}}'
        async with fronting(tmp_path, rules=RULES, more=more, play=api) as front:
            given = {"gateway": f"http://127.0.0.1:{front.port}", "token": front.installation.token()}
            pages.add("stranger", STRANGER, given=given)
            # The same pages under another name are another origin, which the gateway was told nothing of.
            frame = f'<iframe src="http://127.0.0.1:{pages.port}/stranger"></iframe>'
            pages.add("customer", CUSTOMER, given=given, more=frame)
            async with browsing(tmp_path, f"http://localhost:{pages.port}/customer"):
                stranger, outcome = await pages.outcome("stranger"), await pages.outcome("customer")
    assert "failed" not in outcome, outcome
    assert {name: step["status"] for name, step in outcome.items()} == {
        "open": 200,
        "not_enrolled": 403,
        "activated": 204,
        "verified": 204,
        "in_grace": 200,
        "refused": 403,
        "triggered": 204,
        "wrong": 403,
        "done": 200,
        "again": 403,
    }
    assert {name: outcome[name]["error"] for name in ("not_enrolled", "refused", "wrong", "again")} == {
        "not_enrolled": "5906",
        "refused": "5900",
        "wrong": "5901",
        "again": "5901",
    }
    assert '"code":"5900"' in outcome["refused"]["body"]
    assert outcome["done"]["body"].startswith("PATCH /every-time")
    assert stranger == {"protected": "TypeError", "ceremony": "TypeError"}
    _saw_only_what_passed(front.api)


def _saw_only_what_passed(seen_by: Backend) -> None:
    """Neither preflights nor refused calls reached the API, and no code did."""
    assert seen_by.targets == ["GET /open", "GET /window", "PATCH /every-time"]
    assert seen_by.seen[-1].body == b"a body"
    assert all(seen.values("x-mfa-code") == [] for seen in seen_by.seen)
    assert [seen.values("x-mfa-verified") for seen in seen_by.seen] == [[], ["true"], ["true"]]


# --- WebSocket --------------------------------------------------------------------------------

LIVE = """
    const bearer = {Authorization: "Bearer " + given.token};
    const ceremony = async (step, more = {}) => (await fetch(given.gateway + "/multi-factor-auth-" + step, {
        method: "POST", headers: {...bearer, "Content-Type": "application/vnd.api+json", ...more},
        body: JSON.stringify({data: {type: "multi-factor-auth-" + step, attributes: {type: "email"}}})})).status;
    const tried = (token) => new Promise((resolve) => {
        const heard = [], url = given.gateway.replace("http:", "ws:") + "/live";
        const socket = new WebSocket(url, ["mfa.bearer", "mfa.bearer." + token]);
        socket.onopen = () => socket.send("hello through the gate");
        socket.onmessage = (event) => { heard.push(event.data); socket.close(4000, "enough"); };
        socket.onclose = (event) => resolve({code: event.code, spoken: socket.protocol, heard});
    });
    if (given.only) return say(await tried(given.token));
    const outcome = {before: await tried(given.token)};
    outcome.activated = await ceremony("type-activate");
    outcome.verified = await ceremony("type-verify", {"X-MFA-Code": await ask("code")});
    outcome.forged = await tried(given.token.slice(0, -4) + "AAAA");
    outcome.after = await tried(given.token);
    outcome.stranger = await ask("stranger");
    await say(outcome);
"""


LIVE_RULES = """
access_control:
  default_policy: open
  rules:
    - {name: live, paths: ["/live"], policy: mfa}
"""


class Echoing:
    """A WebSocket API that says back what it hears, and remembers handshakes and ends."""

    def __init__(self) -> None:
        self.handshakes: list[dict[str, str]] = []
        self.ended: list[int | None] = []

    async def play(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.handshakes.append({name.lower(): value for name, value in socket.request.headers.raw_items()})
        with suppress(ConnectionClosed):
            async for message in socket:
                await socket.send(message)
        self.ended.append(socket.close_code)


async def test_a_websocket_opens_to_a_page_after_a_code_and_to_no_other_page(tmp_path: Path) -> None:
    echoing = Echoing()
    async with (
        serve(echoing.play, "127.0.0.1", 0) as upstream,
        Pages(lambda name: answers(name)) as pages,  # noqa: PLW0108 - it is defined below
        Installation(tmp_path, rules=LIVE_RULES, more=f'cors: {{origins: ["http://localhost:{pages.port}"]}}') as gate,
    ):
        put_behind(gate, upstream.sockets[0].getsockname()[1])
        await gate.start()
        given = {"gateway": f"http://127.0.0.1:{gate.port}", "token": gate.token()}
        pages.add("live", LIVE, given=given)
        pages.add("stranger", LIVE, given=given | {"only": "yes"})

        async def answers(name: str) -> str:
            """The code of the mail; or what became of the same page of another origin, once there is a window."""
            if name == "code":
                return await gate.mailbox.code()
            async with browsing(tmp_path / "other", f"http://127.0.0.1:{pages.port}/stranger"):
                return json.dumps(await pages.outcome("stranger"))

        (tmp_path / "other").mkdir()
        async with browsing(tmp_path, f"http://localhost:{pages.port}/live"):
            outcome = await pages.outcome("live")
        await until(lambda: echoing.ended == [4000])

    refused = {"code": 1006, "spoken": "", "heard": []}
    assert (outcome["activated"], outcome["verified"]) == (204, 204)
    assert (outcome["before"], outcome["forged"], json.loads(outcome["stranger"])) == (refused, refused, refused)
    assert outcome["after"] == {"code": 4000, "spoken": "mfa.bearer", "heard": ["hello through the gate"]}
    # One handshake reached the API, and nothing of the token's way in.
    (headers,) = echoing.handshakes
    assert "mfa.bearer" not in str(headers)
    assert headers["x-mfa-verified"] == "true"
    assert gate.token().rpartition(".")[0] not in gate.log
