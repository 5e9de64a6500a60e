"""Readers: what real servers and routers take a request target for, asked for many targets at once.

    reader.protected(targets)   those that it would hand to a protected handler

Each is the whole chain of its kind, from the parser of the server to the route that is chosen: uvicorn with Starlette,
waitress with Flask, Node's `http` with Express, and nginx. The first two are called in this process, the others asked
over connections that are kept. What stays out: what a gateway would have said (the test).
"""

import asyncio
import logging
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import uvicorn
from flask import Flask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState
from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser
from waitress.task import WSGITask
from werkzeug.exceptions import HTTPException

from tests.e2e.installation import free_port
from tests.e2e.waiting import until

# What every one of them protects, in its own words.
PATTERNS = ("/protected", "/protected/**", "/customers/{id}/password")
_HEAD = b"GET %b HTTP/1.1\r\nHost: gw.test\r\n\r\n"
_STOP_SECONDS = 10.0


class Missing(Exception):
    """Raised where a kind of server is not there."""


class Reader(Protocol):
    """One kind of server."""

    name: str

    async def protected(self, targets: Sequence[bytes]) -> set[bytes]:
        """The targets that it would hand to a protected handler."""
        ...


async def _with_pauses(targets: Sequence[bytes]) -> AsyncIterator[bytes]:
    """The targets, so that servers on sockets are asked and answer in between."""
    for number, target in enumerate(targets):
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
        yield target


# --- uvicorn and Starlette ---------------------------------------------------------------------


class _Wire:
    """A transport to nobody."""

    def __init__(self) -> None:
        self.is_closed = False

    def get_extra_info(self, _: str, default: object = None) -> object:
        return default

    def write(self, _: bytes) -> None:
        pass

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading


class _Parsing(HttpToolsProtocol):
    """uvicorn up to the moment at which it would call the application."""

    shown: dict[str, Any] | None = None

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:  # noqa: ARG002 - uvicorn's signature
        self.shown = cycle.scope
        cycle.response_complete = True


class StarletteReader:
    """uvicorn with httptools in front of Starlette's router."""

    name = "Starlette"

    def __init__(self) -> None:
        self._found: list[str] = []
        # Its complaints about what it cannot read would fill a book.
        logging.getLogger("uvicorn.error").disabled = True
        self._config = uvicorn.Config(self._app(), lifespan="off", log_config=None, access_log=False)
        self._config.load()

    def _app(self) -> Starlette:
        async def protected(_: Request) -> Response:
            self._found.append("protected")
            return Response()

        async def other(_: Request) -> Response:
            return Response()

        guarded = ["/protected", "/protected/{rest:path}", "/customers/{id}/password"]
        routes = [Route(path, protected) for path in guarded]
        self._starlette = Starlette(routes=[*routes, Route("/{rest:path}", other)])
        return self._starlette

    async def protected(self, targets: Sequence[bytes]) -> set[bytes]:
        found: set[bytes] = set()
        protocol = self._protocol()
        async for target in _with_pauses(targets):
            protocol.shown = None
            protocol.data_received(_HEAD % target)
            if protocol.transport.is_closing():
                protocol = self._protocol()
            elif protocol.shown is not None and await self._is_protected(protocol.shown):
                found.add(target)
        return found

    def _protocol(self) -> _Parsing:
        protocol = _Parsing(self._config, ServerState(), {})
        protocol.connection_made(_Wire())  # type: ignore[arg-type] # what of a transport is used up to here
        protocol.timeout_keep_alive_task = None
        return protocol

    async def _is_protected(self, scope: dict[str, Any]) -> bool:
        self._found.clear()
        await self._starlette(scope, _receive, _send)
        return bool(self._found)


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(_: object) -> None:
    pass


# --- waitress and Flask ------------------------------------------------------------------------


class FlaskReader:
    """waitress in front of Flask's router."""

    name = "Flask"

    def __init__(self) -> None:
        app = Flask("reader")
        for number, path in enumerate(("/protected", "/protected/<path:rest>", "/customers/<id>/password")):
            app.add_url_rule(path, f"protected-{number}", strict_slashes=False)
        app.add_url_rule("/", "root")
        app.add_url_rule("/<path:rest>", "other")
        self._map = app.url_map
        self._terms = Adjustments()
        server = SimpleNamespace(adj=self._terms, effective_port=80, server_name="gw.test")
        self._channel = SimpleNamespace(server=server, addr=("127.0.0.1", 1), check_client_disconnected=None)

    async def protected(self, targets: Sequence[bytes]) -> set[bytes]:
        return {target async for target in _with_pauses(targets) if self._is_protected(target)}

    def _is_protected(self, target: bytes) -> bool:
        parser = HTTPRequestParser(self._terms)
        parser.received(_HEAD % target)
        if not parser.completed or parser.error:
            return False
        environ = WSGITask(self._channel, parser).get_environment()
        try:
            endpoint, _ = self._map.bind_to_environ(environ).match()
        except HTTPException:
            # Redirects are among these: whoever follows one asks the gateway again.
            return False
        return str(endpoint).startswith("protected")


# --- Servers on sockets ------------------------------------------------------------------------

_ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"connection: close", re.IGNORECASE)
_MARK = b"x-is: protected"
_CLOSED = b"connection: close"
# What no server closes its connection for.
_PLAIN = re.compile(rb"/[!-~]*")
# As many requests as fit into the buffers of two sockets with their answers.
_AT_ONCE = 200


class _Connection:
    """One connection to a server, and the answers that come on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._data = b""
        self._at = 0

    async def answer(self) -> tuple[bytes, bytes]:
        """Status and fields of the next answer; nothing where the server just closes."""
        while (head := _ANSWER.match(self._data, self._at)) is None or len(self._data) < head.end() + _length(head[2]):
            if not await self._more():
                return b"", _CLOSED
        self._at = head.end() + _length(head[2])
        return head[1], head[2]

    async def _more(self) -> bool:
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                more = await self._reader.read(1 << 20)
        except ConnectionError:
            return False
        self._data = self._data[self._at :] + more
        self._at = 0
        assert more or not self._data.startswith(b"HTTP/1.1 2"), self._data[:200]
        return bool(more)


class SocketReader:
    """A server that marks what it takes for protected, asked in requests sent ahead on a connection that is kept."""

    def __init__(self, name: str, port: int, *, forgets: bool = False) -> None:
        self.name = name
        self._port = port
        # Whether it owes answers when it meets what it cannot read, and gives none of them, as Node does.
        self._forgets = forgets

    async def protected(self, targets: Sequence[bytes]) -> set[bytes]:
        found: set[bytes] = set()
        plain, odd = (
            [one for one in targets if _PLAIN.fullmatch(one)],
            [one for one in targets if not _PLAIN.fullmatch(one)],
        )
        for some, together in ((plain, _AT_ONCE), (odd, 1)):
            at, size = 0, together
            while at < len(some):
                connection = _Connection(*await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 22))
                # Whoever was not answered among others is asked about alone.
                asked = some if size == together else some[: at + 1]
                try:
                    begun, at = at, await self._ask(connection, asked, at, found, size)
                finally:
                    connection.writer.close()
                size = together if at > begun else 1
        return found

    async def _ask(
        self, connection: _Connection, targets: Sequence[bytes], at: int, found: set[bytes], size: int
    ) -> int:  # fmt: skip
        """Ask from here on until the server closes; where to go on.

        A refusal by one that forgets may be anybody's, unless nobody else was asked about.
        """
        while batch := targets[at : at + size]:
            connection.writer.write(b"".join([_HEAD % target for target in batch]))
            for target in batch:
                status, fields = await connection.answer()
                if status != b"200" and self._forgets and len(batch) > 1:
                    return at
                at += 1
                if _MARK in fields.lower():
                    found.add(target)
                if _CLOSES.search(fields) is not None:
                    return at
        return at


def _length(fields: bytes) -> int:
    said = _LENGTH.search(fields)
    return int(said[1]) if said else 0


_NGINX = """
worker_processes 1; pid {folder}/pid; error_log stderr crit; daemon off;
events {{ worker_connections 64; }}
http {{
    access_log off; keepalive_requests 10000000; server_tokens off;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{
        listen 127.0.0.1:{port};
        location = /protected {{ add_header X-Is protected; return 200; }}
        location ^~ /protected/ {{ add_header X-Is protected; return 200; }}
        location ~ ^/customers/[^/]+/password/?$ {{ add_header X-Is protected; return 200; }}
        location / {{ return 200; }}
    }}
}}
"""
_NODE = """
const app = require("express")();
const server = require("http").createServer(app);
const is = (request, response) => response.set("X-Is", "protected").end();
app.set("case sensitive routing", MINDS_CASE);
app.disable("x-powered-by");
app.set("etag", false);
app.use("/protected", is);
app.get("/customers/:id/password", is);
app.use((request, response) => response.end());
app.use((error, request, response, next) => response.status(400).end());
server.keepAliveTimeout = 60000;
server.maxRequestsPerSocket = 0;
server.listen(PORT, "127.0.0.1");
"""
# Where Debian's package node-express is.
_DEBIANS_LIBRARIES = "/usr/share/nodejs"


@asynccontextmanager
async def nginx(folder: Path) -> AsyncIterator[SocketReader]:
    """nginx that answers by itself."""
    program, port = shutil.which("nginx"), free_port()
    if program is None:
        raise Missing("nginx is not there: how it reads a path cannot be compared")
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, port=port))
    async with _running(program, "-e", "stderr", "-c", str(config), port=port):
        yield SocketReader("nginx", port)


@asynccontextmanager
async def node(*, minds_case: bool = True) -> AsyncIterator[SocketReader]:
    """Express on Node's own server. Unless it is told to mind case, it does not."""
    program, port = shutil.which("node"), free_port()
    if program is None:
        raise Missing("Node is not there: how it reads a path cannot be compared")
    script = _NODE.replace("PORT", str(port)).replace("MINDS_CASE", str(minds_case).lower())
    async with _running(program, "-e", script, port=port, NODE_PATH=_DEBIANS_LIBRARIES):
        yield SocketReader("Express", port, forgets=True)


@asynccontextmanager
async def _running(*words: str, port: int, **environ: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *words, env={**environ, **os.environ}, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        await until(lambda: True if process.returncode is not None else _listens(port))
        if process.returncode is not None:
            assert process.stderr is not None
            raise Missing(f"{words[0]} does not run: {(await process.stderr.read()).decode()[-500:]}")
        yield
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
