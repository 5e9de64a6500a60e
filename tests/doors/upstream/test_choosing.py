"""Several upstreams: each call reaches one of them or none, and nobody else hears of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from mfa_gateway.core.call import CanonicalPath, OddPath, canonical_path
from mfa_gateway.core.readings import odd_path
from mfa_gateway.core.routing import OddTargets, Route, Routes
from mfa_gateway.doors.asgi import JUDGED, REQUEST_ID
from mfa_gateway.doors.upstream import Origin, Terms, Upstream, Upstreams
from tests.doors.upstream.conftest import OK, Backend, answering, http_scope

ROUTES = Routes(
    [
        Route("shop", prefix="/shop", strips_prefix=True, odd_targets=OddTargets.STRICTEST),
        Route("host", "a.test"),
    ]
)


class Two:
    """Two upstreams on sockets of their own, and the table in front of them."""

    def __init__(self) -> None:
        self.shop, self.host = Backend(), Backend()
        self.app = Upstreams(Routes(), {})

    async def start(self, stack: AsyncExitStack) -> None:
        for backend in (self.shop, self.host):
            backend.play = answering(OK)
            server = await asyncio.start_server(backend.accept, "127.0.0.1", 0)
            backend.port = server.sockets[0].getsockname()[1]
            stack.callback(server.close)
            stack.push_async_callback(backend.stop)
        stripped = Terms(stripped_prefix="/shop")
        self.app = Upstreams(
            ROUTES,
            {
                "shop": Upstream(Origin.parse(f"http://127.0.0.1:{self.shop.port}"), stripped),
                "host": Upstream(Origin.parse(f"http://127.0.0.1:{self.host.port}"), Terms()),
            },
        )
        stack.push_async_callback(self.app.close)

    @property
    def targets(self) -> tuple[list[bytes], list[bytes]]:
        """The request targets that each of them saw."""
        shop, host = ([head.split(b" ")[1] for head in one.heads] for one in (self.shop, self.host))
        return shop, host


@pytest.fixture
async def two() -> AsyncIterator[Two]:
    async with AsyncExitStack() as stack:
        two = Two()
        await two.start(stack)
        yield two


def judged(target: str, host: str = "", **changes: Any) -> dict[str, Any]:
    """A scope as the door hands it on. What stands in `path` and Host is not what was judged."""
    raw, _, query = target.partition("?")
    path = canonical_path(raw.encode())
    odd = path if isinstance(path, CanonicalPath) else odd_path(raw.encode())
    assert isinstance(odd, CanonicalPath | OddPath)
    made = {"path": "/wrong", "raw_path": odd.wire, "query_string": query.encode(), JUDGED: (odd, host)}
    return http_scope(**made, **{REQUEST_ID: "request-1"}, **changes)


async def ask(app: Upstreams, scope: dict[str, Any], *received: dict[str, Any]) -> list[dict[str, Any]]:
    waiting, sent = list(received), list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        sent.append(message)

    async with asyncio.timeout(5):
        await app(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    ("target", "forwarded"),
    [
        ("/shop", b"/"),
        ("/shop/", b"/"),
        ("/shop/x?y=/shop", b"/x?y=/shop"),
        ("/shop?y", b"/?y"),
        ("/shop/a%2fb;v=1//c", b"/a%2fb;v=1//c"),
    ],
)
async def test_a_call_reaches_its_upstream_without_the_prefix(two: Two, target: str, forwarded: bytes) -> None:
    start, *_ = await ask(two.app, judged(target, "a.b.test"), {"type": "http.request"})
    assert start["status"] == 200
    assert two.targets == ([forwarded], [])
    assert b"\r\nx-forwarded-prefix: /shop\r\n" in two.shop.heads[0]


async def test_a_host_comes_before_a_prefix_and_keeps_the_whole_path(two: Two) -> None:
    await ask(two.app, judged("/shop/x", "a.test"), {"type": "http.request"})
    assert two.targets == ([], [b"/shop/x"])
    assert b"x-forwarded-prefix" not in two.host.heads[0]


async def test_a_call_that_nobody_serves_is_404_and_reaches_nobody(two: Two) -> None:
    start, body = await ask(two.app, judged("/other", "b.test"), {"type": "http.request"})
    assert start["status"] == 404
    assert (b"x-request-id", b"request-1") in start["headers"]
    assert b'"status": 404' in body["body"]
    assert two.targets == ([], [])


async def test_an_odd_path_that_got_this_far_unwanted_is_400(two: Two) -> None:
    start, *_ = await ask(two.app, judged("/x//y", "a.test"), {"type": "http.request"})
    assert (start["status"], two.targets) == (400, ([], []))


async def test_a_refused_upload_ends_its_connection(two: Two) -> None:
    fields = (b"host", b"b.test"), (b"content-length", b"1000000")
    start, *_ = await ask(two.app, judged("/other", "b.test", headers=list(fields), method="POST"))
    assert (b"connection", b"close") in start["headers"]


@pytest.mark.parametrize("can_answer", [True, False])
async def test_a_handshake_that_nobody_serves_is_refused(two: Two, *, can_answer: bool) -> None:
    extensions: dict[str, object] = {"websocket.http.response": {}} if can_answer else {}
    scope = judged("/other", "b.test", type="websocket", extensions=extensions)
    first, *_ = await ask(two.app, scope, {"type": "websocket.connect"})
    if can_answer:
        assert (first["type"], first["status"]) == ("websocket.http.response.start", 404)
    else:
        assert first["type"] == "websocket.close"


async def test_a_scope_that_no_door_has_judged_is_not_served(two: Two) -> None:
    with pytest.raises(KeyError):
        await ask(two.app, http_scope())


async def test_the_end_of_life_closes_every_connection(two: Two) -> None:
    for target, host in (("/shop", ""), ("/", "a.test")):
        await ask(two.app, judged(target, host), {"type": "http.request"})
    assert (two.shop.open_links, two.host.open_links) == (1, 1)
    sent = await ask(two.app, {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    async with asyncio.timeout(5):
        while two.shop.open_links or two.host.open_links:  # noqa: ASYNC110 - the ends come through the kernel
            await asyncio.sleep(0)
