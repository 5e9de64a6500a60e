"""Promptness: what is served without a task gets the very answer that it gets by one, and the rest is left as work."""

import asyncio
from dataclasses import replace

import pytest

from mfa_gateway.core.account import Factor, Proof
from mfa_gateway.core.policy import Access, Enforcement, OnSuccess
from mfa_gateway.doors.asgi import HeaderList, Message, Receive, Scope, Send
from mfa_gateway.doors.cors import Cors
from mfa_gateway.doors.promptness import Client, Work, promptly, served
from tests.doors.gateways import World
from tests.doors.scopes import BEARER, HOST, play, scope
from tests.engine.fakes import ENROLLED, GOOD_CODE, policy, rule

CODE = (b"x-mfa-code", GOOD_CODE.encode())
# What is made anew for every call.
OWN = "mfa_gateway.request_id"


class Waiting:
    """A client of our own server."""

    is_taking = True

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self._bodies: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive(self) -> Message:
        return self._bodies.pop() if self._bodies else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def answer(self, status: int, headers: HeaderList, body: bytes) -> None:
        self.sent += [
            {"type": "http.response.start", "status": status, "headers": headers},
            {"type": "http.response.body", "body": body},
        ]

    def answer_empty(self, status: int, lines: bytes) -> None:
        pairs = [line.split(b": ", 1) for line in lines.split(b"\r\n")[:-1]]
        self.answer(status, [(name, value) for name, value in pairs], b"")

    def run(self, work: Work) -> None:
        raise AssertionError(f"nothing is delayed here, and {work} is")


class Prompt:
    """An application that answers at once."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"from the application"})

    def serve_promptly(self, scope: Scope, client: Client) -> Work | None:
        self.scopes.append(scope)
        client.answer(200, [], b"from the application")
        return None


def world(**shape: object) -> World:
    made = World(**shape)  # type: ignore[arg-type] # as it takes them
    made.behind = Prompt()  # type: ignore[assignment] # in place of one that cannot be prompt
    made.app = type(made.app)(made.behind, gateway=made)
    return made


def worlds() -> dict[str, tuple[World, Scope]]:
    ending = policy(rule(Access.OPEN, on_success=OnSuccess.REVOKE))
    shadow = policy(rule(enforcement=Enforcement.SHADOW))
    pages = Cors(frozenset({b"https://shop.test"}))
    asking = ((b"origin", b"https://shop.test"), (b"access-control-request-method", b"GET"))
    return {
        "an open route": (world(), scope("/public")),
        "an open route with a query": (world(), scope("/public?a=b")),
        "an open route with fields that only we may set": (world(), scope("/public", (b"x-mfa-verified", b"true"))),
        "a protected route without a token": (world(), scope()),
        "a protected route without a code": (world(), scope("/protected", BEARER)),
        "a protected route with a code": (world(), scope("/protected", BEARER, CODE)),
        "a shadowed route": (world(policy_=shadow), scope("/protected", BEARER)),
        "a route whose good answers end windows": (world(policy_=ending), scope("/protected", BEARER)),
        "a ceremony": (world(), scope("/mfa/factors", BEARER)),
        "a ceremony by another method": (world(), scope("/mfa/factors", method="PUT")),
        "beside a ceremony": (world(), scope("/mfa/factors/")),
        "a preflight": (world(cors=pages), scope("/protected", *asking, method="OPTIONS")),
        "two readings": (world(), scope("/public/../protected")),
        "two hosts": (world(), scope("/public", HOST, (b"host", b"other.test"))),
        "a method that is never allowed": (world(), scope("/public", method="TRACE")),
        "where other proxies ask": (world(), scope("/_mfa/forward-auth/nginx")),
    }


KINDS = [*worlds()]


async def prompt_answer(app: World, asked: Scope) -> list[Message]:
    client = Waiting()
    work = app.app.serve_promptly(asked, client)
    if work is not None:
        await work
    return client.sent


def form(sent: list[Message]) -> tuple[int, list[bytes], int]:
    """An answer without what is made anew for every call."""
    names = [name for name, _ in sent[0]["headers"]]
    return sent[0]["status"], names, sum(len(one.get("body", b"")) for one in sent)


@pytest.mark.parametrize("kind", KINDS)
async def test_it_is_answered_as_by_a_task(kind: str) -> None:
    prompt, asked = worlds()[kind]
    plain, same = worlds()[kind]
    by_task = await play(plain.app, same)
    sent = await prompt_answer(prompt, asked)
    assert form(sent) == form(by_task.sent)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_application_sees_the_same(kind: str) -> None:
    prompt, asked = worlds()[kind]
    plain, same = worlds()[kind]
    await play(plain.app, same)
    await prompt_answer(prompt, asked)
    seen = [{**one, OWN: ""} for one in prompt.behind.scopes]
    assert seen == [{**one, OWN: ""} for one in plain.behind.scopes]


@pytest.mark.parametrize("kind", KINDS)
async def test_it_is_judged_and_written_down_once(kind: str) -> None:
    prompt, asked = worlds()[kind]
    plain, same = worlds()[kind]
    await play(plain.app, same)
    await prompt_answer(prompt, asked)
    assert [line["event"] for line in prompt.lines.all] == [line["event"] for line in plain.lines.all]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("an open route")])
def test_an_open_route_leaves_no_work(kind: str) -> None:
    prompt, asked = worlds()[kind]
    assert prompt.app.serve_promptly(asked, Waiting()) is None


async def test_a_window_is_told_of_as_ever() -> None:
    made = world()
    made.store.standing = replace(ENROLLED, proofs=(Proof(Factor.EMAIL, 1000),))
    await prompt_answer(made, scope("/protected", BEARER))
    assert (b"x-mfa-verified", b"true") in made.behind.scopes[0]["headers"]


# --- Any application --------------------------------------------------------------------------


async def test_an_application_that_does_not_know_how_is_work() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    client = Waiting()
    work = promptly(app)(scope(), client)
    assert (client.sent, work is not None) == ([], True)
    assert work is not None
    await work
    assert client.sent[0]["status"] == 204


async def test_what_breaks_at_once_is_work_that_raises() -> None:
    class Broken:
        async def __call__(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
            await asyncio.get_running_loop().create_future()

        def serve_promptly(self, _scope: Scope, _client: Client) -> Work | None:
            raise RuntimeError("broken")

    work = served(Broken(), scope(), Waiting())
    assert work is not None
    with pytest.raises(RuntimeError, match="broken"):
        await work
