"""Yardsticks of our own trade, each a server of one process.

python -m tests.benchmarks.bare forwarding PORT API_PORT    our server and our forwarding, headers cleaned, no gate
python -m tests.benchmarks.bare empty PORT                  uvicorn, and an application that says 200
python -m tests.benchmarks.bare library PORT API_PORT       uvicorn, and a reverse proxy of a package around httpx
"""

import asyncio
import sys

import uvicorn

from mfa_gateway.doors.asgi import Receive, Scope, Send, clean_headers
from mfa_gateway.doors.promptness import Client, Work
from mfa_gateway.doors.server import ServerTerms, make_server, new_event_loop
from mfa_gateway.doors.upstream import Origin, Terms, Upstream

_HEADERS = [(b"content-length", b"0")]


class Forwarding:
    """Forwards everything, as the gateway does behind its gate: none of the fields that only a gateway may set."""

    def __init__(self, api_port: int) -> None:
        self._upstream = Upstream(Origin.parse(f"http://127.0.0.1:{api_port}"), Terms())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        await self._upstream(_cleaned(scope), receive, send)

    def serve_promptly(self, scope: Scope, client: Client) -> Work | None:
        """Serve an `http` scope, without a task where its upstream can."""
        return self._upstream.serve_promptly(_cleaned(scope), client)


def _cleaned(scope: Scope) -> Scope:
    return {**scope, "headers": clean_headers(scope["headers"])} if "headers" in scope else scope


async def empty(scope: Scope, receive: Receive, send: Send) -> None:
    """Say 200."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": b""})


def main() -> None:
    """Serve until the process is ended."""
    kind, port, *rest = sys.argv[1:]
    if kind == "forwarding":
        server = make_server(Forwarding(int(rest[0])), host="127.0.0.1", port=int(port), terms=ServerTerms())
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(server.serve())
    elif kind == "empty":
        _run_uvicorn(empty, int(port))
    else:
        from fastapi_proxy_lib.fastapi.app import reverse_http_app  # noqa: PLC0415 - only measured, where it is there

        _run_uvicorn(reverse_http_app(base_url=f"http://127.0.0.1:{rest[0]}/"), int(port))


def _run_uvicorn(app: object, port: int) -> None:
    uvicorn.run(
        app,  # type: ignore[arg-type] # any ASGI application
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="auto",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
