"""The whole configuration: every section under its name, in the order in which a newcomer reads them.

What stays out: how it is loaded (loading) and what must hold between sections (checks).
"""

from typing import Annotated

from pydantic import ConfigDict, Field

from mfa_gateway.settings.access import AccessControl, Dialects
from mfa_gateway.settings.addresses import Address, HttpOrigin, Listen, Network, PublicUrl
from mfa_gateway.settings.factors import Codes, Factors, RateLimits, Regulation, Senders
from mfa_gateway.settings.identity import Credentials, Directory, Identity
from mfa_gateway.settings.network import Cors, ExtAuthz, Health, Limits, Timeouts, Tls, Upstreams, WebSocket
from mfa_gateway.settings.section import Int, Section
from mfa_gateway.settings.store import NearCache, Secrets, Store

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised, not bound


def _reached_at(listen: Address) -> HttpOrigin:
    return HttpOrigin("http", _EVERY_ADDRESS.get(listen.host, listen.host), listen.port)


class Settings(Section):
    """Everything that mfa_gateway can be told. Frozen: a change is a new one."""

    model_config = ConfigDict(title="mfa_gateway configuration")

    listen: Listen = Address("127.0.0.1", 8080)
    """Where clients connect."""
    ops_listen: Listen | None = None
    """Where /healthz, /readyz and /metrics are served, apart from clients."""
    ext_authz: ExtAuthz | None = None
    """Where Envoy asks for decisions by gRPC, apart from clients."""
    workers: Annotated[Int, Field(ge=1, le=1024)] = 1
    """Processes that serve clients."""
    public_url: Annotated[PublicUrl, Field(default_factory=lambda data: _reached_at(data["listen"]))]
    """How clients reach the gateway, for links and audiences; never taken from Host. Default: http:// and listen."""
    upstream: Upstreams = ()
    """The server behind the gateway: one URL, or a list of servers by host and prefix."""
    tls: Tls | None = None
    """TLS on the gateway's own listener."""
    trusted_proxies: tuple[Network, ...] = ()
    """Networks of the proxies in front whose X-Forwarded-* count."""
    timeouts: Timeouts = Timeouts()
    """How long the gateway waits for others."""
    limits: Limits = Limits()
    """How much the gateway takes from clients."""
    websocket: WebSocket = WebSocket()
    """WebSockets, to clients and to upstreams."""
    store: Annotated[Store, Field(validate_default=True)] = Store()
    """Where proofs, codes, bans and enrolments are kept."""
    secrets: Secrets
    """The keys that seal personal data and bind codes."""
    identity: Identity = Identity()
    """Who is calling."""
    directory: Directory = Directory()
    """Where people can be reached."""
    credentials: Credentials = Credentials()
    """Whether a password is right."""
    cors: Cors = Cors()
    """Cross-origin answers for browsers."""
    factors: Factors = Factors()
    """Which factors this gateway offers."""
    senders: Senders = Senders()
    """How codes travel."""
    codes: Codes = Codes()
    """The codes that are sent."""
    regulation: Regulation = Regulation()
    """How many wrong codes an account may try."""
    rate_limits: RateLimits = RateLimits()
    """How many messages are sent at most."""
    access_control: AccessControl
    """Which calls ask for a second factor."""
    dialects: Dialects = Dialects()
    """The wire forms that are spoken."""
    near_cache: NearCache = NearCache()
    """A cache of standings in each worker."""
    health: Health = Health()
    """What /readyz means."""

    def realms(self) -> frozenset[str]:
        """Every realm that has accounts here: those of other issuers, and those that log in here."""
        return self.identity.realms() | self.dialects.realms()
