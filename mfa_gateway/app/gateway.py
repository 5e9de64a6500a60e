"""The gateway: every room put together from settings, opened and closed as one.

What stays out: the words of each room (translation), and decisions of any kind.
"""

import secrets
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Self

import structlog

from mfa_gateway.app.delivery import alarm_of, dispatch_terms, numbers_of, senders_of
from mfa_gateway.app.description import openapi_page
from mfa_gateway.app.entrance import (
    adservio_of,
    entrance_terms,
    gigya_of,
    porter_of,
    residences_of,
    signing_key_of,
    sites_of,
)
from mfa_gateway.app.issuing import Issuing, own_issuers
from mfa_gateway.app.people import credentials_of, directory_of, remote_directory_of
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
from mfa_gateway.core.call import Call
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.foresight import Chart
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.otp import code_text
from mfa_gateway.core.policy import Policy
from mfa_gateway.directory.reach import ReachableDirectory
from mfa_gateway.doors.asgi import ASGIApp
from mfa_gateway.doors.backchannel import Backchannel
from mfa_gateway.doors.ceremonies import Ceremonies, Mount, Residence
from mfa_gateway.doors.middleware import MFAMiddleware
from mfa_gateway.doors.parts import Parts
from mfa_gateway.doors.peers import TrustedProxies
from mfa_gateway.doors.reception import Reception
from mfa_gateway.engine.aftermath import Aftermath
from mfa_gateway.engine.afterwards import Afterwards
from mfa_gateway.engine.clerk import Clerk
from mfa_gateway.engine.dispatch import Dispatcher
from mfa_gateway.engine.herald import Herald
from mfa_gateway.engine.hurry import (
    HurriedAlarm,
    HurriedEndings,
    HurriedIdentity,
    HurriedRegister,
    HurriedStandings,
)
from mfa_gateway.engine.journal import Journal
from mfa_gateway.engine.judge import Judge
from mfa_gateway.engine.partings import Partings
from mfa_gateway.engine.tally import Counts, Tally
from mfa_gateway.engine.watch import Watch
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
        self._tally = Tally()
        self._journal = Journal(structlog.get_logger("mfa_gateway"))
        self._embedded = embedded_store(settings) if runs_store else None
        self._store = prepare_store(store_settings(settings))
        self._told = peer_header_of(settings)
        self.issuing = Issuing(self._store, issuers=own_issuers(sites_of(settings)), key_file=signing_key_of(settings))
        self._signed = signed_identity_of(settings, self.issuing.tokens)
        self._identity = identity_of(settings, self._told, self._signed)
        self._remote = remote_directory_of(settings)
        self._senders = senders_of(settings)
        self._alarm = alarm_of(settings, self._store)
        self._credentials = credentials_of(settings, self._store)
        self._afterwards = Afterwards()
        self.parts = self.parts_under(policy_of(settings))
        self._open = AsyncExitStack()
        self._is_open = False
        self.is_stopped = False
        """Whether it was open once and is no more: then it stays so."""

    @property
    def settings(self) -> Settings:
        """What it was put together from."""
        return self._settings

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def parts_under(self, policy: Policy) -> Parts:
        """What a door needs of this gateway, judging by a policy: the configured one, or one with more rules in it."""
        settings, terms = self._settings, gate_terms(self._settings, policy)
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
        dialects = dialects_of(settings)
        clerk = self._clerk(terms, Chart(policy, routes_of(settings), self._is_ours))
        gigya, adservio = gigya_of(settings), adservio_of(settings)
        mounts: list[Mount | Residence] = [*mounts_of(settings, dialects), *residences_of(settings, gigya, adservio)]
        ceremonies = Ceremonies(
            mounts,
            identify=judge.identify,
            clerk=clerk,
            reception=self._reception(terms, clerk, judge),
            page=openapi_page(settings, (mount.dialect for mount in mounts), dialects["standard"]),
        )
        return Parts(
            judge=judge,
            ceremonies=ceremonies,
            dialects={**dialects, "gigya": gigya, "adservio": adservio},
            fallback=dialects["standard"],
            proxies=TrustedProxies(settings.trusted_proxies),
            others=others_of(settings),
            aftermath=Aftermath(store=self._store, journal=self._journal),
            told=self._told,
            cors=cors_of(settings),
            backchannel=self._backchannel(),
            watch=Watch(store=self._store, journal=self._journal, is_open=self.issuing.is_open),
            token_subprotocols=settings.identity.token_subprotocols() | self.issuing.token_subprotocols(),
        )

    def _reception(self, terms: Terms, clerk: Clerk, judge: Judge) -> Reception:
        """Who serves the areas that dialects own."""
        porter = porter_of(
            terms=entrance_terms(self._settings, terms),
            store=self._store,
            issuing=self.issuing,
            clerk=clerk,
            numbers=numbers_of(self._settings),
            credentials=self._credentials,
            register=self._remote,
            afterwards=self._afterwards,
            journal=self._journal,
            tally=self._tally,
            identify=judge.identify,
        )
        return Reception(porter, proxies=TrustedProxies(self._settings.trusted_proxies))

    def hurried_parts(self) -> Parts:
        """The same as `parts`, for a door whose every call has a deadline (`engine.hurry`)."""
        policy = policy_of(self._settings)
        judge = Judge(
            policy=policy,
            terms=gate_terms(self._settings, policy),
            others=self.parts.others,
            identity=HurriedIdentity(self._identity),
            store=HurriedStandings(self._store),
            journal=self._journal,
            meter=self._tally,
            alarm=HurriedAlarm(self._alarm),
            register=None if self._remote is None else HurriedRegister(self._remote),
        )
        aftermath = Aftermath(store=HurriedEndings(self._store), journal=self._journal)
        return replace(self.parts, judge=judge, aftermath=aftermath)

    def _backchannel(self) -> Backchannel | None:
        """Where issuers tell of log-outs, if one of them may."""
        signed = self._signed
        if signed is None or not any(bearer.backchannel_logout for bearer in self._settings.identity.bearer):
            return None
        return Backchannel(Partings(issuers=signed, store=self._store, journal=self._journal))

    def _clerk(self, terms: Terms, chart: Chart) -> Clerk:
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
            chart=chart,
        )

    def _is_ours(self, call: Call) -> bool:
        """Whether a call is answered by the gateway itself, so that no rule is about it."""
        backchannel = self.parts.backchannel
        is_heard = backchannel is not None and backchannel.is_meant(call)
        return is_heard or self.parts.ceremonies.endpoint(call) is not None

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
            opening.push_async_callback(self._credentials.close)
            opening.push_async_callback(self._afterwards.close)
            if self._remote is not None:
                opening.push_async_callback(self._remote.close)
            await open_if_there(self._store)
            if self._settings.near_cache.enabled and self._settings.store.kind != "memory":
                self._store.keep_near()
            self._open = opening.pop_all()
        self._is_open = True

    async def stop(self) -> None:
        """Close every connection, and end the embedded store."""
        self.is_stopped = self.is_stopped or self._is_open
        self._is_open = False
        await self._open.aclose()

    def counts(self) -> Counts:
        """What was counted so far, of calls, ceremonies, messages and trips to the store."""
        traffic = self._store.traffic
        counted = {"store_trips": traffic.trips, "store_commands": traffic.commands, "store_failures": traffic.failures}
        counted["near_hits"] = self._store.near_hits
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
