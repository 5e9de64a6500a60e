"""The gateway: every room put together from settings, opened and closed as one.

What stays out: the words of each room (translation), and decisions of any kind.
"""

import secrets
from contextlib import AsyncExitStack

import structlog

from mfa_gateway.app.translation import (
    cors_of,
    dialects_of,
    directory_of,
    dispatch_terms,
    gate_terms,
    identity_of,
    mounts_of,
    others_of,
    peer_header_of,
    senders_of,
    store_settings,
    upstream_of,
)
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.otp import code_text
from mfa_gateway.doors.asgi import ASGIApp
from mfa_gateway.doors.ceremonies import Ceremonies
from mfa_gateway.doors.middleware import MFAMiddleware, Parts
from mfa_gateway.doors.peers import TrustedProxies
from mfa_gateway.engine.clerk import Clerk
from mfa_gateway.engine.dispatch import Dispatcher
from mfa_gateway.engine.journal import Journal
from mfa_gateway.engine.judge import Judge
from mfa_gateway.engine.tally import Counts, Tally
from mfa_gateway.settings import Settings, policy_of
from mfa_gateway.state.embedded import EmbeddedStore
from mfa_gateway.state.opening import prepare_store
from mfa_gateway.state.store import Store


class Gateway:
    """A gateway, put together from its settings. It opens nothing before `start`."""

    def __init__(self, settings: Settings, *, runs_store: bool = True) -> None:
        """`runs_store`: whether an embedded store is this gateway's to run; else somebody else runs it."""
        self._settings = settings
        policy = policy_of(settings)
        terms = gate_terms(settings, policy)
        self._tally = Tally()
        journal = Journal(structlog.get_logger("mfa_gateway"))
        self._embedded = embedded_store(settings) if runs_store else None
        self._store = prepare_store(store_settings(settings))
        told = peer_header_of(settings)
        self._identity = identity_of(settings, told)
        self._senders = senders_of(settings)
        judge = Judge(
            policy=policy,
            terms=terms,
            others=others_of(settings),
            identity=self._identity,
            store=self._store,
            journal=journal,
            meter=self._tally,
        )
        dispatcher = Dispatcher(
            terms=dispatch_terms(settings),
            draw=draw_code,
            store=self._store,
            sender=self._senders,
            journal=journal,
            meter=self._tally,
        )
        clerk = Clerk(
            terms=terms,
            store=self._store,
            directory=directory_of(settings, self._store),
            dispatcher=dispatcher,
            journal=journal,
            meter=self._tally,
        )
        dialects = dialects_of(settings)
        self.parts = Parts(
            judge=judge,
            ceremonies=Ceremonies(mounts_of(settings, dialects), identify=judge.identify, clerk=clerk),
            dialects=dialects,
            fallback=dialects["standard"],
            proxies=TrustedProxies(settings.trusted_proxies),
            others=others_of(settings),
            told=told,
            cors=cors_of(settings),
        )
        self._open = AsyncExitStack()
        self._is_open = False

    async def start(self) -> None:
        """Open the store, and run it first where it is embedded.

        A store that is away now is opened by the first call that finds it: open routes need none.

        Raises:
            StoreUnfit: the store must not be used; the text says why and what to do.
        """
        if self._is_open:
            return
        async with AsyncExitStack() as opening:
            if self._embedded is not None:
                await opening.enter_async_context(self._embedded)
            opening.push_async_callback(self._store.close)
            opening.push_async_callback(self._identity.close)
            opening.push_async_callback(self._senders.close)
            await open_if_there(self._store)
            self._open = opening.pop_all()
        self._is_open = True

    async def stop(self) -> None:
        """Close every connection, and end the embedded store."""
        self._is_open = False
        await self._open.aclose()

    def counts(self) -> Counts:
        """What was counted so far, of calls, ceremonies, messages and trips to the store."""
        traffic = self._store.traffic
        counted = {"store_trips": traffic.trips, "store_commands": traffic.commands, "store_failures": traffic.failures}
        return self._tally.counts() | {(name,): number for name, number in counted.items()}

    @property
    def app(self) -> ASGIApp:
        """The whole reverse proxy as an ASGI application, for any ASGI server.

        Raises:
            ValueError: the settings name no upstream.
        """
        return MFAMiddleware(upstream_of(self._settings), gateway=self)


async def open_if_there(store: Store) -> None:
    """Examine a store, or say that it is away.

    Raises:
        StoreUnfit: it must not be used; the text says why and what to do.
    """
    try:
        await store.open()
    except StoreUnavailable as fault:
        structlog.get_logger("mfa_gateway").warning("starting without the store", why=str(fault))


def embedded_store(settings: Settings) -> EmbeddedStore | None:
    """The private server that these settings ask for, to be run; None where the store is somebody else's."""
    return EmbeddedStore(settings.store.data_dir) if settings.store.kind == "embedded" else None


def draw_code(digits: int) -> str:
    """A code from the system's random source, each of the 10^n equally likely."""
    return code_text(secrets.randbelow(10**digits), digits)
