"""What bad input gets: one table, sent to a running gateway.

Each row says the bytes, the status, the form of the body, whether the connection goes on, what the log says under the
request id of the answer, and above all what reached the API: mostly nothing. No row may leave a secret in the log.
Rows that need another world (a store that is away, a mail server that refuses) stand below those of the table.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio

from tests.e2e.bad_input import CHUNKED, JSON, TABLE, TRIGGER, Form, Row
from tests.e2e.faults import TARGETS, unreliable
from tests.e2e.front import Front, bearer, fronting, rewrite
from tests.e2e.installation import Installation, Mailbox
from tests.e2e.installation import answer as status_and_code
from tests.e2e.valkey import Valkey
from tests.e2e.waiting import until
from tests.e2e.wire import Answer, exchanged, request, statuses

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]

SHORT = 0.5
SLACK = 3.0
MORE = f"timeouts: {{head: {SHORT}s, body_idle: {SHORT}s, keep_alive: 5s, first_byte: {SHORT}s}}"
RULES = """
access_control:
  default_policy: open
  rules:
    - {name: glue, paths: ["/glue"], policy: mfa, dialect: glue, grace: 0s}
    - {name: standard, paths: ["/standard"], policy: mfa, dialect: standard, grace: 0s}
    - {name: hosted, hosts: [gw.test, 127.0.0.1], paths: ["/hosted"], policy: deny}
"""
# --- The world of the table -------------------------------------------------------------------


@dataclass
class World:
    """A gateway, and what `<name>` stands for."""

    front: Front
    secrets: Mapping[str, str]

    def filled(self, template: bytes) -> bytes:
        for name, secret in self.secrets.items():
            template = template.replace(f"<{name}>".encode(), secret.encode())
        return template

    def has_told_nothing(self) -> bool:
        log = self.front.installation.log
        words = [word.rpartition(" ")[2] for word in self.secrets.values()]
        return not any(word in log for word in (*words, "@shop.test", "12345", "abcdef"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("bad-input")
    async with fronting(folder, rules=RULES, more=MORE, play=unreliable) as front:
        installation = front.installation
        token = installation.token()
        await installation.enrol(token)
        code = await installation.fresh_code(token)
        said = jwt.decode(token, options={"verify_signature": False})
        secrets = {
            "bearer": bearer(token),
            "code": f"X-MFA-Code: {code}",
            "expired": installation.token(exp=int(time.time()) - 3600),
            "of another issuer": installation.token(iss="https://other.test"),
            "for another audience": installation.token(aud="other-api"),
            "forged": jwt.encode(said, "somebody else's secret, as long as it has to be", "HS256"),
            "unsigned": jwt.encode(said, "", "none"),
            "no token at all": "hunter2",
            "arabic": "".join(chr(0x660 + int(digit)) for digit in code),
        }
        for shape in ("letters", "short", "long", "Arabic"):
            secrets[f"of {shape}"] = other = installation.token(f"typist-{shape}")
            await installation.enrol(other)
        yield World(front, secrets)


@pytest_asyncio.fixture(loop_scope="module")
async def world(standing: World) -> World:
    await standing.front.api.renew(unreliable)
    return standing


def check_form(answer: Answer, row: Row) -> None:
    """The body is what clients of this form can read, and says no more than it has to."""
    document = json.loads(answer.body)
    match row.form:
        case Form.PLAIN:
            assert answer.values("content-type") == ["application/problem+json"]
            assert (document["type"], document["status"]) == ("about:blank", row.status)
        case Form.STANDARD:
            assert answer.values("content-type") == ["application/problem+json"]
            assert (document["code"], document["status"]) == (row.code, row.status)
            assert document["request_id"] == answer.values("x-request-id")[0]
        case Form.GLUE:
            assert answer.values("content-type") == ["application/json"]
            (error,) = document["errors"]
            assert (error["status"], error.get("code", "")) == (row.status, row.code)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
async def test_what_bad_input_gets(world: World, row: Row) -> None:
    front, sends = world.front, world.filled(row.sends)
    async with front.client() as client:
        if row.ends:
            # In one packet with a good request behind it, which must not be served any more.
            client.writer.write(sends + request("/open/behind"))
            answer = await client.answer()
            assert await client.rest() == b""
        else:
            answer = await client.ask(sends)
            assert (await client.ask(request("/open/next"))).status == 200

    assert (answer.status, answer.is_last) == (row.status, row.ends)
    assert (answer.values("cache-control"), len(answer.values("date"))) == (["no-store"], 1)
    check_form(answer, row)
    await front.told(answer, row.says)
    assert front.api.targets == [*row.reaches, *([] if row.ends else ["GET /open/next"])]
    assert len(front.api.heads) == len(front.api.targets)
    assert world.has_told_nothing()


# --- Too late ---------------------------------------------------------------------------------


LATE = {
    "half a head": (b"GET /glue HTTP/1.1\r\nHost: gw", 0),
    "half a body": (request("/open/a", "Content-Length: 9", method="PUT") + b"half", 1),
    "half a chunk": (request("/open/a", CHUNKED, method="PUT") + b"9\r\nhalf", 1),
    "no trailers' end": (request("/open/a", CHUNKED, method="PUT") + b"1\r\nx\r\n0\r\nX: y\r\n", 1),
    "half a ceremony": (request(TRIGGER, "<bearer>", JSON, "Content-Length: 9", method="POST") + b"half", 0),
}


@pytest.mark.parametrize("name", LATE)
async def test_what_does_not_arrive_in_time_gets_408_and_the_end(world: World, name: str) -> None:
    sends, heads = LATE[name]
    began = time.monotonic()
    async with world.front.client() as client:
        answer = await client.ask(world.filled(sends))
        assert await client.rest() == b""
    assert SHORT * 0.9 < time.monotonic() - began < SHORT + SLACK
    await _got_408(world, answer, heads)


@pytest.mark.parametrize(
    ("begins", "heads"),
    [(b"GET /open/a HTTP/1.1\r\nX: ", 0), (request("/open/a", "Content-Length: 100000", method="PUT"), 1)],
    ids=["a head", "a body"],
)
async def test_what_arrives_in_drops_gets_408_and_the_end(world: World, begins: bytes, heads: int) -> None:
    began = time.monotonic()
    async with world.front.client() as client:
        await client.send(begins)
        reading = asyncio.create_task(client.answer())
        while not reading.done():
            client.writer.write(b"x")
            await asyncio.wait((reading,), timeout=SHORT / 10)
        answer = await reading
        assert await client.rest() == b""
    assert SHORT * 0.9 < time.monotonic() - began < SHORT + SLACK
    await _got_408(world, answer, heads)


async def _got_408(world: World, answer: Answer, heads: int) -> None:
    api = world.front.api
    assert (answer.status, answer.is_last) == (408, True)
    check_form(answer, Row("", b"", 408, Form.PLAIN))
    await world.front.told(answer, "did not arrive in time")
    # A body may be on its way up already: then the API sees it break off, and never a whole request.
    await until(lambda: api.open_links == 0)
    assert (api.targets, len(api.heads)) == ([], heads)
    assert world.has_told_nothing()


async def test_whoever_asks_for_nothing_gets_the_end_without_a_word(world: World) -> None:
    assert await exchanged(world.front.port) == b""
    assert world.front.api.links == []


async def test_an_api_that_dies_within_its_answer_ends_the_connection(world: World) -> None:
    target = TARGETS["closes within its body"]
    received = await exchanged(world.front.port, request(target))
    assert statuses(received) == [200]
    assert received.endswith(b"\r\n\r\n012")
    assert world.front.api.targets == [f"GET {target}"]


# --- Codes of the wrong shape are counted -----------------------------------------------------


async def test_a_code_of_the_wrong_shape_is_counted_and_never_compared(world: World) -> None:
    installation, front = world.front.installation, world.front
    token = installation.token("fumbler")
    await installation.enrol(token)
    token = installation.token("fumbler", sid="a session that proved nothing")
    code = await installation.fresh_code(token)
    async with front.client() as client:
        shapes = [code[:5], f"{code}0", "abcdef", "".join(chr(0xFF10 + int(digit)) for digit in code), "x" * 65]
        for number, shape in enumerate(shapes, 1):
            said = shape.encode().decode("latin-1")
            answer = await client.ask(request("/glue", bearer(token), f"X-MFA-Code: {said}"))
            assert (answer.status, b'"5901"' in answer.body) == (403, True)
            assert bool(answer.values("retry-after")) == (number == 5)
        banned = await client.ask(request("/glue", bearer(token), f"X-MFA-Code: {code}"))
    assert (banned.status, b'"5901"' in banned.body) == (403, True)
    assert int(banned.values("retry-after")[0]) > 0
    assert front.api.heads == []
    assert code not in installation.log


# --- The store --------------------------------------------------------------------------------

STORE_RULES = """
access_control:
  default_policy: open
  rules:
    - {name: glue, paths: ["/glue"], policy: mfa}
    - {name: standard, paths: ["/standard"], policy: mfa, dialect: standard}
    - {name: lenient, paths: ["/lenient"], policy: mfa, on_store_error: allow}
"""


@pytest.mark.parametrize("is_frozen", [False, True], ids=["down", "slow"])
async def test_without_its_store_the_gateway_refuses_what_is_protected_and_serves_the_rest(
    tmp_path: Path,
    is_frozen: bool,  # noqa: FBT001 - a row of the table
) -> None:
    store = Valkey(tmp_path / "store.sock")
    async with store, fronting(tmp_path, rules=STORE_RULES, more="", store=store.url) as front:
        token = front.installation.token()
        await front.installation.enrol(token)
        await (store.freeze() if is_frozen else store.stop())
        began = time.monotonic()
        async with front.client() as client:
            for form, sends in _needing_the_store(token):
                answer = await client.ask(sends)
                assert (answer.status, answer.is_last) == (503, False)
                assert int(answer.values("retry-after")[0]) >= 1
                check_form(answer, Row("", b"", 503, form, "store_unavailable" if form is Form.STANDARD else ""))
                await front.told(answer)
            assert front.api.heads == []
            for target in ("/open", "/lenient"):
                assert (await client.ask(request(target, bearer(token)))).status == 200
        # `store.timeout` of an installation is 2 s, and there is one probe a second.
        assert time.monotonic() - began < 8
        assert front.api.targets == ["GET /open", "GET /lenient"]
        assert all(seen.values("x-mfa-verified") == [] for seen in front.api.seen)
        assert token not in front.installation.log
        await (store.thaw() if is_frozen else store.start())
        await until(lambda: _comes_back(front, token))


def _needing_the_store(token: str) -> list[tuple[Form, bytes]]:
    body = b'{"data":{"type":"multi-factor-auth-trigger","attributes":{"type":"email"}}}'
    return [
        (Form.GLUE, request("/glue", bearer(token))),
        (Form.GLUE, request("/glue", bearer(token), "X-MFA-Code: 123456")),
        (Form.STANDARD, request("/standard", bearer(token))),
        (Form.GLUE, request(TRIGGER, bearer(token), JSON, method="POST", body=body)),
        (Form.GLUE, request("/multi-factor-auth-types", bearer(token))),
    ]


async def _comes_back(front: Front, token: str) -> bool:
    async with front.client() as client:
        return (await client.ask(request("/glue", bearer(token)))).status in (200, 403)


# --- The sender -------------------------------------------------------------------------------


class Refusing(Mailbox):
    """A mail server that takes no message once it was told so."""

    def __init__(self) -> None:
        super().__init__()
        self.is_refusing = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        taken = await super().handle_DATA(server, session, envelope)
        return "554 5.7.1 Not from you" if self.is_refusing else taken


async def test_a_code_that_could_not_be_sent_is_void_and_its_sending_counts(tmp_path: Path) -> None:
    installation = Installation(tmp_path, rules=RULES)
    mailbox = installation.mailbox = Refusing()
    async with installation:
        rewrite(installation, "send_per_account: []", "send_per_account: [{requests: 3, period: 1h}]")
        await installation.start()
        token = installation.token()
        await installation.enrol(token)
        mailbox.is_refusing = True
        for _ in range(2):
            refused = await installation.ceremony("trigger", token=token)
            assert status_and_code(refused) == "503/5910"
            code = await mailbox.code()
            late = await installation.call("GET", "/glue", token=token, code=code)
            assert status_and_code(late) == "403/5901"
            await _told(installation, refused.headers["x-request-id"], "fault")
            assert code not in installation.log
        mailbox.is_refusing = False
        assert status_and_code(await installation.ceremony("trigger", token=token)) == "429/5910"
        assert installation.api.seen == []
        assert "ada@shop.test" not in installation.log


async def _told(installation: Installation, request_id: str, fragment: str) -> None:
    await until(lambda: any(request_id in line and fragment in line for line in installation.log.splitlines()))


# --- The configuration ------------------------------------------------------------------------

WRONG = {
    "keep_alive: soon": "timeouts.keep_alive",
    "head: 1": "limits.head",
    "policy: perhaps": "access_control.rules[0].policy",
    "colour: blue": "access_control.rules[0].colour",
}


@pytest.mark.parametrize("command", ["serve", "check"])
async def test_a_wrong_configuration_starts_nothing_and_every_problem_is_told(tmp_path: Path, command: str) -> None:
    timeouts, limits, policy, colour = WRONG
    rules = f"access_control:\n  default_policy: open\n  rules:\n    - {{paths: [/a], {policy}, {colour}}}\n"
    async with Installation(tmp_path, rules=rules, more=f"timeouts: {{{timeouts}}}\nlimits: {{{limits}}}\n") as wrong:
        (tmp_path / "issuer-secret").unlink()
        process = await wrong.command(command)
        said, _ = await process.communicate()
        told = said.decode() + wrong.log
        assert process.returncode == 2
        for place in (*WRONG.values(), "identity.bearer[0].secret_file"):
            assert place in told
        assert not (tmp_path / "data").exists()
        with pytest.raises(ConnectionRefusedError):
            await exchanged(wrong.port)
        assert wrong.api.seen == []
