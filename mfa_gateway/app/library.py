"""The library: `app.add_middleware(MFAMiddleware, ...)` in an application of Starlette or FastAPI.

The gateway lives as long as the application: from its lifespan, or, where nobody tells of one (a server without it, a
mounted application), from the first call on. One gateway may serve several applications of a process. What stays out:
judging (doors), and how marks become rules (marking).
"""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import structlog

from mfa_gateway.app.gateway import Gateway
from mfa_gateway.app.marking import with_marks
from mfa_gateway.doors.asgi import ASGIApp, Message, Receive, Scope, Send
from mfa_gateway.doors.library.door import LibraryDoor
from mfa_gateway.doors.library.routes import application_of, marked_routes
from mfa_gateway.doors.parts import Parts
from mfa_gateway.settings import Settings, load_settings

# How many applications of this process a gateway serves now.
_tenants: WeakKeyDictionary[Gateway, int] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class _Opened:
    """A gateway that is open already."""

    parts: Parts

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""


class MFAMiddleware:
    """The gate as middleware. Takes exactly one of a gateway, settings, and the path of a configuration file.

    Args:
        app: the application, as `add_middleware` hands it over.
        gateway: one that several applications share.
        settings: loaded before.
        config: the file; the environment is laid over it.
        environ: in place of the process's environment.

    Raises:
        ConfigurationError: the file is wrong; it holds every problem.
        TypeError: not exactly one is given.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        gateway: Gateway | None = None,
        settings: Settings | None = None,
        config: str | Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        if sum(given is not None for given in (gateway, settings, config)) != 1:
            raise TypeError("MFAMiddleware takes exactly one of gateway, settings and config")
        if config is not None:
            settings = load_settings(Path(config), environ=os.environ if environ is None else environ)
        self.app = app
        self._settings = settings
        self.gateway = gateway or Gateway(settings)  # type: ignore[arg-type] # one of the three is there
        self._door: LibraryDoor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await _Life(self, scope, receive, send).live()
            return
        door = self._door if self._loop is asyncio.get_running_loop() else None
        await (door or await self.open(scope))(scope, receive, send)

    async def open(self, scope: Scope) -> LibraryDoor:
        """Open the gateway, once, with the marks of the application.

        Raises:
            ConfigurationError: a mark is wrong.
            RuntimeError: it was opened in another event loop, or the gateway that it was given has been stopped.
            StoreUnfit: the store must not be used.
        """
        async with self._opening:
            self._settle_in()
            if self._door is None:
                self._renew()
                application = application_of(self.app, scope)
                policy, gate = with_marks(self.gateway.settings, marked_routes(application))
                parts = self.gateway.parts_under(policy) if gate.known else self.gateway.parts
                await self.gateway.start()
                _tenants[self.gateway] = _tenants.get(self.gateway, 0) + 1
                root = getattr(application, "root_path", "") or ""
                self._door = LibraryDoor(self.app, gateway=_Opened(parts), gate=gate, root=root)
            return self._door

    def _renew(self) -> None:
        """An application may live several times, as it does in tests; a gateway lives once."""
        if not self.gateway.is_stopped:
            return
        if self._settings is None:
            raise RuntimeError(
                "the gateway that MFAMiddleware was given has been stopped: give `settings` or `config` to an "
                "application that starts more than once"
            )
        self.gateway = Gateway(self._settings)

    def _settle_in(self) -> None:
        loop = asyncio.get_running_loop()
        if self._door is not None and self._loop is not loop:
            raise RuntimeError(
                "MFAMiddleware was opened in another event loop: its connections belong to that one. Serve the "
                "application in one loop; in tests, enter the client: `with TestClient(app) as client`"
            )
        self._loop = loop

    async def close(self) -> None:
        """Close the gateway, unless another application still uses it. May be called twice."""
        if self._door is None:
            return
        self._door, self._opening = None, asyncio.Lock()
        left = _tenants[self.gateway] = _tenants[self.gateway] - 1
        if not left:
            await self.gateway.stop()


class _Life:
    """One lifespan: the gateway opens before the application starts, and closes when it has ended."""

    def __init__(self, middleware: MFAMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
        self._middleware = middleware
        self._scope = scope
        self._receive = receive
        self._send = send
        self._first: Message | None = None

    async def live(self) -> None:
        """Live it."""
        self._first = await self._receive()
        try:
            await self._middleware.open(self._scope)
        except Exception as error:
            structlog.get_logger("mfa_gateway").error("the gateway did not start", why=str(error))
            await self._send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        try:
            await self._with_application()
        finally:
            await self._middleware.close()

    async def _with_application(self) -> None:
        try:
            await self._middleware.app(self._scope, self._starting, self._ending)
        except Exception:
            if self._first is None:
                raise
            # The application knows no lifespan: it raised before it asked for anything (ASGI lifespan).
            await self._send({"type": "lifespan.startup.complete"})
            await self._receive()
            await self._ending({"type": "lifespan.shutdown.complete"})

    async def _starting(self) -> Message:
        message, self._first = self._first, None
        return await self._receive() if message is None else message

    async def _ending(self, message: Message) -> None:
        if message["type"] != "lifespan.startup.complete":
            await self._middleware.close()
        await self._send(message)
