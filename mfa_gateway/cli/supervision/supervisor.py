"""The supervisor: the main process of a gateway.

    start    bind, run the embedded store, look at the store, start a crew, say so
    SIGHUP   load again. Good: a crew under the new settings, then the old one is dismissed. Bad: every problem is
             told, and nothing changes
    SIGTERM  not ready, a pause in which balancers notice, then no new connections, what is in flight, the end

A second SIGTERM does not wait for anything. What stays out: serving clients (station), keeping posts occupied (crew).
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Final

import structlog

from mfa_gateway.app import embedded_store
from mfa_gateway.cli.build import PROGRAM
from mfa_gateway.cli.supervision.crew import Crew
from mfa_gateway.cli.supervision.ops import OpsServer
from mfa_gateway.cli.supervision.probe import Probe
from mfa_gateway.cli.supervision.sockets import bound
from mfa_gateway.cli.supervision.worker import StartFailed
from mfa_gateway.core.fault import Fault
from mfa_gateway.doors.health import Report, Stage, StoreState
from mfa_gateway.engine.tally import Counts, added
from mfa_gateway.settings import ConfigurationError, Settings

# What belongs to the main process from its first moment to its last.
_ONLY_AT_START: Final = ("listen", "ops_listen", "ext_authz")


class Supervisor:
    """Runs a gateway until a signal ends it."""

    def __init__(self, settings: Settings, *, reload: Callable[[], Settings], announce: Callable[[str], None]) -> None:
        """`reload` loads the settings again; `announce` is told once that the gateway listens."""
        self._settings = settings
        self._reload = reload
        self._announce = announce
        self._stage = Stage.STARTING
        self._crew: Crew | None = None
        # The one above, and those that are on their way out.
        self._crews: list[Crew] = []
        self._farewells: set[asyncio.Task[None]] = set()
        self._listeners: list[socket.socket] = []
        self._probe: Probe | None = None
        self._buried: Counts = {}
        # What signals have asked for.
        self._is_changed = asyncio.Event()
        self._is_stopped = asyncio.Event()
        self._is_hurried = asyncio.Event()
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger("mfa_gateway")

    async def run(self) -> None:
        """Start, serve, stop.

        Raises:
            StartFailed: an address cannot be listened on, or the workers cannot serve.
            StoreUnfit: the store must not be used.
            CancelledError: it was told to stop before it had started.
        """
        async with AsyncExitStack() as stack:
            self._hear_signals(stack)
            await self._start(stack)
            while not self._is_stopped.is_set():
                await _unless(self._is_stopped, self._is_changed.wait())
                if self._is_changed.is_set():
                    self._is_changed.clear()
                    await _unless(self._is_stopped, self._change())
            await self._drain()

    # --- Signals ---

    def _hear_signals(self, stack: AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        main = asyncio.current_task()

        def stop() -> None:
            if self._is_stopped.is_set():
                self._is_hurried.set()
            self._is_stopped.set()
            if self._stage is Stage.STARTING and main is not None:
                main.cancel()

        signals = ((signal.SIGTERM, stop), (signal.SIGINT, stop), (signal.SIGHUP, self._is_changed.set))
        for number, heed in signals:
            loop.add_signal_handler(number, heed)
            stack.callback(loop.remove_signal_handler, number)

    # --- Start ---

    async def _start(self, stack: AsyncExitStack) -> None:
        self._settings = settings = await self._with_envoys_address(stack)
        self._listeners = await bound("listen", settings.listen)
        stack.callback(self._close_listeners)
        if settings.ops_listen is not None:
            ops = OpsServer(await bound("ops_listen", settings.ops_listen), report=self._report, counts=self._counts)
            await stack.enter_async_context(ops)
        if (store := embedded_store(settings)) is not None:
            await stack.enter_async_context(store)
        stack.push_async_callback(self._close_probe)
        self._probe = Probe(settings)
        await self._probe.look()
        stack.push_async_callback(self._dismiss_all)
        self._crew = await self._mustered(settings)
        self._stage = Stage.SERVING
        port = self._listeners[0].getsockname()[1]
        scheme = "http" if settings.tls is None else "https"
        self._announce(f"{PROGRAM} listens on {scheme}://{settings.listen.host}:{port}")

    async def _with_envoys_address(self, stack: AsyncExitStack) -> Settings:
        """The settings, with the port that Envoy asks at. It is kept from others while workers come and go."""
        settings, asked = self._settings, self._settings.ext_authz
        if asked is None:
            return settings
        for one in (sockets := await bound("ext_authz.listen", asked.listen, is_shared=True)):
            stack.callback(one.close)
        listen = replace(asked.listen, port=sockets[0].getsockname()[1])
        return settings.model_copy(update={"ext_authz": asked.model_copy(update={"listen": listen})})

    async def _mustered(self, settings: Settings) -> Crew:
        crew = Crew(settings, self._listeners, bury=self._bury, mourn=lambda: self._bury({("worker_deaths",): 1}))
        await crew.muster()
        self._crews.append(crew)
        return crew

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()

    async def _close_probe(self) -> None:
        if self._probe is not None:
            await self._probe.close()

    # --- Change ---

    async def _change(self) -> None:
        """Serve under the configuration as it is now, if it is good."""
        self._log.info("reloading the configuration")
        try:
            settings, left = changed(self._settings, self._reload())
            for key in left:
                self._log.warning("this key changes only with a restart", key=key)
            await self._change_to(settings)
        except ConfigurationError as error:
            for problem in error.problems:
                self._log.error("configuration problem", place=problem.path, why=problem.text)
            self._refuse_change(f"problems: {len(error.problems)}")
        except (StartFailed, Fault, OSError) as error:
            self._refuse_change(str(error))

    async def _change_to(self, settings: Settings) -> None:
        probe = Probe(settings)
        crew = await self._mustered(settings)
        for old in self._crews[:-1]:
            self._dismiss_later(old)
        before, self._probe = self._probe, probe
        self._crew, self._settings = crew, settings
        self._bury({("reloads", "done"): 1})
        self._log.info("configuration reloaded", workers=settings.workers)
        if before is not None:
            await before.close()

    def _refuse_change(self, why: str) -> None:
        self._bury({("reloads", "refused"): 1})
        self._log.error("configuration not reloaded: the last good one stays", why=why)

    def _dismiss_later(self, crew: Crew) -> None:
        farewell = asyncio.create_task(self._dismiss(crew, crew.settings.timeouts.drain))
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)

    # --- Stop ---

    async def _drain(self) -> None:
        self._stage = Stage.DRAINING
        timeouts, now = self._settings.timeouts, asyncio.get_running_loop().time
        deadline = now() + timeouts.drain
        self._log.info("stopping", seconds=timeouts.drain)
        if self._settings.ops_listen is not None:
            for crew in self._crews:
                crew.wind_down()
            await _unless(self._is_hurried, asyncio.sleep(min(timeouts.notice, timeouts.drain)))
        # The copies of the workers are the last ones then, and are closed when nobody waits in the queue any more.
        self._close_listeners()
        left = max(0.0, deadline - now())
        await _unless(self._is_hurried, self._dismiss_within(left))

    async def _dismiss_within(self, seconds: float) -> None:
        await asyncio.gather(*(self._dismiss(crew, seconds) for crew in self._crews))

    async def _dismiss(self, crew: Crew, seconds: float) -> None:
        await crew.dismiss(seconds)
        if crew in self._crews:
            self._crews.remove(crew)

    async def _dismiss_all(self) -> None:
        """Whatever happened, leave nobody behind."""
        for farewell in self._farewells:
            farewell.cancel()
        await asyncio.gather(*self._farewells, return_exceptions=True)
        for crew in tuple(self._crews):
            crew.kill()
            await self._dismiss(crew, 0)

    # --- What operators ask ---

    async def _report(self) -> Report:
        store, why = await self._probe.state() if self._probe is not None else (StoreState.AWAY, "not asked yet")
        return Report(
            stage=self._stage,
            listening=self._crew.listening if self._crew is not None else 0,
            wanted=self._settings.workers,
            store=store,
            why=why,
            needs_store="store" in self._settings.health.ready_needs,
        )

    def _counts(self) -> Counts:
        return added((self._buried, *(counts for crew in self._crews for counts in crew.counts)))

    def _bury(self, counts: Counts) -> None:
        self._buried = added((self._buried, counts))


async def _unless(signalled: asyncio.Event, work: Coroutine[object, object, object]) -> None:
    """Do something; a signal that comes first cuts it short."""
    doing, waiting = asyncio.create_task(work), asyncio.create_task(signalled.wait())
    try:
        await asyncio.wait((doing, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (doing, waiting):
            task.cancel()
        await asyncio.gather(doing, waiting, return_exceptions=True)
    if not doing.cancelled():
        doing.result()


def changed(old: Settings, new: Settings) -> tuple[Settings, list[str]]:
    """What can be served without a restart of the main process: the new settings, but for the keys named beside."""
    kept = [key for key in _ONLY_AT_START if getattr(old, key) != getattr(new, key)]
    is_embedded = "embedded" in (old.store.kind, new.store.kind)
    if is_embedded and (old.store.kind, old.store.data_dir) != (new.store.kind, new.store.data_dir):
        kept.append("store")
    update = {key: getattr(old, key) for key in kept}
    if "listen" in kept and "public_url" not in new.model_fields_set:
        update["public_url"] = old.public_url
    return new.model_copy(update=update), kept
