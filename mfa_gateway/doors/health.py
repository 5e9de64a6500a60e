"""Health: what an operator's machines ask, on an address of their own, apart from clients.

    /healthz   the process is alive
    /readyz    configuration loaded and listening, and not about to stop; the store's state is told beside
    /metrics   numbers for Prometheus

What stays out: finding any of that out. A report is asked for and written down.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mfa_gateway.doors.asgi import Receive, Scope, Send
from mfa_gateway.doors.metrics import CONTENT_TYPE, exposition
from mfa_gateway.engine.tally import Counts

_TEXT: Final = b"text/plain; charset=utf-8"
_JSON: Final = b"application/json"


class Stage(StrEnum):
    """Where a gateway is in its life."""

    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"


class StoreState(StrEnum):
    """What is known of the store."""

    UP = "up"
    AWAY = "away"
    PRIVATE = "private to a worker"


@dataclass(frozen=True, slots=True)
class Report:
    """How a gateway is.

    Attributes:
        stage: where it is in its life.
        listening: workers that take calls now.
        wanted: workers that there should be.
        store: whether the store answers.
        why: what is wrong with the store.
        needs_store: whether being ready takes a store.
    """

    stage: Stage
    listening: int
    wanted: int
    store: StoreState
    why: str = ""
    needs_store: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether calls should be sent here."""
        has_store = self.store is not StoreState.AWAY or not self.needs_store
        return self.stage is Stage.SERVING and self.listening > 0 and has_store


@dataclass(frozen=True, slots=True)
class _Page:
    status: int
    content_type: bytes
    body: bytes


class Health:
    """The ASGI application behind `ops_listen`."""

    def __init__(self, *, report: Callable[[], Awaitable[Report]], counts: Callable[[], Counts], version: str) -> None:
        self._report = report
        self._counts = counts
        self._version = version

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        match scope["type"]:
            case "lifespan":
                await _live(receive, send)
            case "http" if scope["method"] not in ("GET", "HEAD"):
                await _answer(_Page(405, _TEXT, b"method not allowed\n"), scope, send)
            case "http":
                await _answer(await self._page(scope["path"]), scope, send)
            case _:
                await send({"type": "websocket.close"})

    async def _page(self, path: str) -> _Page:
        match path:
            case "/healthz":
                return _Page(200, _TEXT, b"alive\n")
            case "/readyz":
                report = await self._report()
                return _Page(200 if report.is_ready else 503, _JSON, _written(report, self._version))
            case "/metrics":
                return _Page(200, CONTENT_TYPE, exposition(self._counts(), _gauges(await self._report())))
            case _:
                return _Page(404, _TEXT, b"not found: there are /healthz, /readyz and /metrics\n")


def _written(report: Report, version: str) -> bytes:
    said: dict[str, object] = {
        "ready": report.is_ready,
        "stage": report.stage.value,
        "workers": {"listening": report.listening, "wanted": report.wanted},
        "store": report.store.value,
    }
    if report.why:
        said["why"] = report.why
    return json.dumps({**said, "version": version}).encode() + b"\n"


def _gauges(report: Report) -> Mapping[str, float]:
    return {
        "ready": report.is_ready,
        "store_up": report.store is not StoreState.AWAY,
        "workers_listening": report.listening,
        "workers_wanted": report.wanted,
    }


async def _answer(page: _Page, scope: Scope, send: Send) -> None:
    headers = [
        (b"content-type", page.content_type),
        (b"content-length", str(len(page.body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if page.status == 405:  # noqa: PLR2004 - the one status that needs another field (RFC 9110 section 15.5.6)
        headers.append((b"allow", b"GET, HEAD"))
    await send({"type": "http.response.start", "status": page.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else page.body})


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
