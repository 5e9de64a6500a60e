"""The gateway: every room put together from settings, opened and closed as one.

What stays out: the words of each room (translation), and decisions of any kind.
"""

import secrets
from contextlib import AsyncExitStack

import structlog

from mfa_gateway.app.delivery import alarm_of, dispatch_terms, numbers_of, senders_of
from mfa_gateway.app.people import directory_of, remote_directory_of
from mfa_gateway.app.translation import (
    cors_of,
    dialects_of,
    gate_terms,
    identity_of,
    mounts_of,
    others_of,
    peer_header_of,
    signed_identity_of,
    store_settings,
    upstream_of,
)
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.otp import code_text
from mfa_gateway.directory.reach import ReachableDirectory
from mfa_gateway.doors.asgi import ASGIApp
from mfa_gateway.doors.backchannel import Backchannel
from mfa_gateway.doors.ceremonies import Ceremonies
from mfa_gateway.doors.middleware import MFAMiddleware, Parts
from mfa_gateway.doors.peers import TrustedProxies
from mfa_gateway.engine.aftermath import Aftermath
from mfa_gateway.engine.clerk import Clerk
from mfa_gateway.engine.dispatch import Dispatcher
from mfa_gateway.engine.herald import Herald
from mfa_gateway.engine.journal import Journal
from mfa_gateway.engine.judge import Judge
from mfa_gateway.engine.partings import Partings
from mfa_gateway.engine.tally import Counts, Tally
from mfa_gateway.engine.watch import Watch
from mfa_gateway.identity.bearer import BearerIdentity
from mfa_gateway.settings import Settings, policy_of, routes_of
from mfa_gateway.settings.cautions import cautions
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
        self._journal = Journal(structlog.get_logger("mfa_gateway"))
        self._embedded = embedded_store(settings) if runs_store else None
        self._store = prepare_store(store_settings(settings))
        told = peer_header_of(settings)
        signed = signed_identity_of(settings)
        self._identity = identity_of(settings, told, signed)
        self._remote = remote_directory_of(settings)
        self._senders = senders_of(settings)
        self._alarm = alarm_of(settings, self._store)
        judge = Judge(
            policy=policy,
            terms=terms,
            others=others_of(settings),
            identity=self._identity,
            store=self._store,
            journal=self._journal,
            meter=self._tally,
            alarm=self._alarm,
            register=self._remote,
        )
        clerk = self._clerk(terms)
        dialects = dialects_of(settings)
        self.parts = Parts(
            judge=judge,
            ceremonies=Ceremonies(mounts_of(settings, dialects), identify=judge.identify, clerk=clerk),
            dialects=dialects,
            fallback=dialects["standard"],
            proxies=TrustedProxies(settings.trusted_proxies),
            others=others_of(settings),
            aftermath=Aftermath(store=self._store, journal=self._journal),
            told=told,
            cors=cors_of(settings),
            backchannel=self._backchannel(signed),
            watch=Watch(store=self._store, journal=self._journal),
            token_subprotocols=settings.identity.token_subprotocols(),
        )
        self._open = AsyncExitStack()
        self._is_open = False

    def _backchannel(self, signed: BearerIdentity | None) -> Backchannel | None:
        """Where issuers tell of log-outs, if one of them may."""
        if signed is None or not any(bearer.backchannel_logout for bearer in self._settings.identity.bearer):
            return None
        return Backchannel(Partings(issuers=signed, store=self._store, journal=self._journal))

    def _clerk(self, terms: Terms) -> Clerk:
        """Who carries out ceremonies, and sends what they send."""
        settings, store, journal, numbers = self._settings, self._store, self._journal, numbers_of(self._settings)
        directory = ReachableDirectory(directory_of(settings, store, self._remote), numbers)
        dispatcher = Dispatcher(
            terms=dispatch_terms(settings),
            draw=draw_code,
            store=store,
            sender=self._senders,
            journal=journal,
            meter=self._tally,
            numbers=numbers,
            alarm=self._alarm,
        )
        return Clerk(
            terms=terms,
            store=store,
            directory=directory,
            dispatcher=dispatcher,
            journal=journal,
            meter=self._tally,
            alarm=self._alarm,
            register=self._remote,
            herald=Herald(store=store, directory=directory, teller=self._senders, journal=journal),
        )

    async def start(self) -> None:
        """Open the store, and run it first where it is embedded.

        A store that is away now is opened by the first call that finds it: open routes need none.

        Raises:
            StoreUnfit: the store must not be used; the text says why and what to do.
        """
        if self._is_open:
            return
        for caution in cautions(self._settings):
            structlog.get_logger("mfa_gateway").warning("caution", about=caution)
        async with AsyncExitStack() as opening:
            if self._embedded is not None:
                await opening.enter_async_context(self._embedded)
            opening.push_async_callback(self._store.close)
            opening.push_async_callback(self._identity.close)
            opening.push_async_callback(self._senders.close)
            if self._remote is not None:
                opening.push_async_callback(self._remote.close)
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
        return MFAMiddleware(upstream_of(self._settings), gateway=self, routes=routes_of(self._settings))


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
