"""Translation: settings become the values that each room speaks.

mypy proves here that each room fits the port that the engine wrote for it. What stays out: messages (delivery), the
order of things, and everything that is opened or closed (gateway).
"""

import time
from collections.abc import Iterator

from mfa_gateway.core.account import Factor
from mfa_gateway.core.ceremony import DEACTIVATION_RIDE_MS
from mfa_gateway.core.credential import CarrierAction, OtherCredentials, folded_name, folded_parameter
from mfa_gateway.core.gate import KnownBy, Terms
from mfa_gateway.core.otp import Algorithm, TotpProfile
from mfa_gateway.core.policy import Policy
from mfa_gateway.core.proof import CodeShapes, Regulation, ShortCodes
from mfa_gateway.dialects.glue import Audience, Glue, StatusFormat
from mfa_gateway.dialects.standard import Standard
from mfa_gateway.dialects.wire import Dialect
from mfa_gateway.doors.ceremonies import Mount
from mfa_gateway.doors.cors import Cors
from mfa_gateway.doors.peers import PeerHeader, TrustedProxies
from mfa_gateway.doors.server import ServerTerms
from mfa_gateway.doors.upstream import Origin, Trust, Upstream, Upstreams, read_trust
from mfa_gateway.doors.upstream import Terms as ForwardingTerms
from mfa_gateway.doors.websocket.terms import SocketTerms
from mfa_gateway.identity.bearer import BearerIdentity
from mfa_gateway.identity.header import HeaderIdentity
from mfa_gateway.identity.introspection import IntrospectedIdentity
from mfa_gateway.identity.own_tokens import OwnTokens
from mfa_gateway.identity.sources import Source, Sources
from mfa_gateway.identity.terms import (
    BearerTerms,
    IntrospectionTerms,
    JwksFile,
    JwksUrl,
    KeySource,
    PublicKey,
    SharedSecret,
)
from mfa_gateway.settings import Settings, milliseconds, network, routes_of
from mfa_gateway.settings.identity import Bearer, Introspection
from mfa_gateway.state.opening import StoreSettings


def server_terms(settings: Settings) -> ServerTerms:
    """The numbers of the listening side."""
    limits, timeouts = settings.limits, settings.timeouts
    return ServerTerms(
        head_bytes=limits.head,
        fields=limits.fields,
        target_bytes=limits.target,
        connections=limits.connections,
        head_timeout=timeouts.head,
        body_idle=timeouts.body_idle,
        keep_alive=timeouts.keep_alive,
        drain=timeouts.drain,
        websocket=socket_terms(settings),
    )


def socket_terms(settings: Settings) -> SocketTerms:
    """The numbers of WebSockets."""
    numbers = settings.websocket
    return SocketTerms(numbers.message, numbers.queue, numbers.ping, numbers.ping_timeout)


def gate_terms(settings: Settings, policy: Policy) -> Terms:
    """The numbers and choices that hold for every call and ceremony."""
    regulation = settings.regulation
    graces = (rule.requirement.grace_ms for rule in (*policy.rules, policy.default))
    return Terms(
        factors=frozenset(map(Factor, settings.factors.enabled())),
        known_by=_known_by(settings.directory.source),
        shapes=code_shapes_of(settings),
        regulation=Regulation(
            max_retries=regulation.max_retries,
            find_time_ms=milliseconds(regulation.find_time),
            ban_time_ms=milliseconds(regulation.ban_time),
            ban_max_ms=milliseconds(regulation.ban_max),
            per_day=regulation.per_day,
        ),
        keep_ms=max(DEACTIVATION_RIDE_MS, *graces),
        totp=totp_profile_of(settings),
        issuer=settings.factors.totp.issuer,
        backup_codes=settings.factors.backup.codes,
        code_life_ms=milliseconds(settings.codes.ttl),
    )


def code_shapes_of(settings: Settings) -> CodeShapes:
    """How codes look, and the stricter numbers for those that are short."""
    codes = settings.codes
    return CodeShapes(sent=codes.length, short=ShortCodes(codes.short.tries, codes.short.per_day))


def totp_profile_of(settings: Settings) -> TotpProfile:
    """The parameters of new authenticators."""
    totp = settings.factors.totp
    return TotpProfile(Algorithm(totp.algorithm), totp.digits, totp.period)


def _known_by(source: str) -> KnownBy:
    """A directory behind HTTP is asked for itself whether somebody is on record."""
    return KnownBy.RECORD if source == "store" else KnownBy.TOKEN


def others_of(settings: Settings) -> OtherCredentials:
    """The carriers of credentials that are not judged."""
    others = settings.identity.other_credentials
    action = CarrierAction(others.action) if others.action is not None else None
    return OtherCredentials(
        headers=frozenset(folded_name(name.encode("ascii")) for name in others.headers),
        query=frozenset(folded_parameter(name) for name in others.query),
        on_header=action or CarrierAction.STRIP,
        on_query=CarrierAction.FORWARD if action is CarrierAction.FORWARD else CarrierAction.REFUSE,
    )


def peer_header_of(settings: Settings) -> PeerHeader | None:
    """The header by which listed peers say who is calling, where there is one."""
    header = settings.identity.header
    return None if header is None else PeerHeader(header.name.encode("ascii"), TrustedProxies(header.peers))


def signed_identity_of(settings: Settings, own: OwnTokens | None = None) -> BearerIdentity | None:
    """The judge of signed tokens, where there are some: of other issuers, or our own."""
    bearer = settings.identity.bearer
    if not bearer and own is None:
        return None
    return BearerIdentity(map(_bearer_terms, bearer), clock=time.time, own=own)


def identity_of(settings: Settings, told: PeerHeader | None, signed: BearerIdentity | None) -> Source:
    """The configured sources; the usual one alone, which is asked for every protected call, without a detour."""
    introspection, header = settings.identity.introspection, settings.identity.header
    opaque = IntrospectedIdentity(_introspection_terms(introspection)) if introspection is not None else None
    if signed is not None and opaque is None and told is None:
        return signed
    named: Source | None = None
    if header is not None and told is not None:
        named = HeaderIdentity(realm=header.realm, name=told.name, is_listed=told.is_listed)
    return Sources(signed=signed, opaque=opaque, told=named)


def _introspection_terms(introspection: Introspection) -> IntrospectionTerms:
    return IntrospectionTerms(
        realm=introspection.realm,
        url=introspection.url,
        client_id=introspection.client_id,
        client_secret=introspection.client_secret_file.content.get_secret_value().decode(),
        issuer=introspection.issuer,
        audience=introspection.audience or (),
        timeout=introspection.timeout,
        cache=introspection.cache,
    )


def _bearer_terms(bearer: Bearer) -> BearerTerms:
    return BearerTerms(
        realm=bearer.realm,
        issuer=bearer.issuer,
        audience=bearer.audience,
        algorithms=bearer.algorithms,
        keys=_key_source(bearer),
        subject_claim=bearer.subject_claim,
        session_claims=bearer.session_claims,
        leeway=bearer.leeway,
        logout_audience=(bearer.logout_audience or bearer.audience) if bearer.backchannel_logout else (),
    )


def _key_source(bearer: Bearer) -> KeySource:
    """The one key source; that there is exactly one was checked when the settings were loaded."""
    if bearer.jwks_url is not None:
        return JwksUrl(str(bearer.jwks_url))
    if bearer.jwks_file is not None:
        return JwksFile(bearer.jwks_file)
    if bearer.public_key_file is not None:
        return PublicKey(bearer.public_key_file.read_bytes())
    if bearer.secret_file is not None:
        return SharedSecret(bearer.secret_file.content.get_secret_value())
    raise ValueError(f"issuer {bearer.issuer} has no key source")


def store_settings(settings: Settings, url: str | None = None) -> StoreSettings:
    """Where the store is; `url` in place of the configured one where a private server is run or joined."""
    return StoreSettings(
        url=url or settings.store.url.get_secret_value(),
        keys=tuple(key.get_secret_value() for key in settings.secrets.newest_first),
        data_dir=settings.store.data_dir,
        timeout=settings.store.timeout,
        connect_timeout=settings.store.connect_timeout,
        near_entries=settings.near_cache.entries,
        near_max_stale=settings.near_cache.max_stale,
    )


def dialects_of(settings: Settings) -> dict[str, Dialect]:
    """Every wire form of callers by its name, whether its endpoints are served or not: rules refuse in it."""
    glue = settings.dialects.glue
    return {
        "glue": Glue(
            prefix=glue.prefix,
            base_url=str(settings.public_url),
            audience=Audience(glue.audience),
            status_format=StatusFormat(glue.status_format),
        ),
        "standard": Standard(prefix=settings.dialects.standard.prefix),
    }


def mounts_of(settings: Settings, dialects: dict[str, Dialect]) -> Iterator[Mount]:
    """The dialects whose endpoints are served."""
    spoken = settings.dialects
    if spoken.glue.enabled:
        yield Mount(dialects["glue"], frozenset(spoken.glue.hosts))
    if spoken.standard.enabled:
        yield Mount(dialects["standard"], frozenset(spoken.standard.hosts))


def cors_of(settings: Settings) -> Cors:
    """Which pages of other origins may read our answers."""
    cors = settings.cors
    origins = frozenset(str(origin).encode("ascii") for origin in cors.origins)
    return Cors(origins, cors.credentials, round(cors.max_age))


def upstream_of(settings: Settings) -> Upstream | Upstreams:
    """The application that forwards; it serves nothing (404) where proxies ask and forward themselves.

    Raises:
        ValueError: the settings name neither an upstream nor a proxy, or files that cannot be used.
    """
    if not settings.upstream and not settings.trusted_proxies:
        raise ValueError("upstream: name the server to forward to, as in http://127.0.0.1:9000")
    routes = routes_of(settings)
    if not settings.upstream:
        return Upstreams(routes, {})
    upstreams = [_upstream(one, settings) for one in settings.upstream]
    if not any(route.host or route.prefix for route in routes.every):
        return upstreams[0]  # the only one, and it serves every call
    return Upstreams(routes, dict(zip((route.name for route in routes.every), upstreams, strict=True)))


def _upstream(one: network.Upstream, settings: Settings) -> Upstream:
    timeouts = settings.timeouts
    terms = ForwardingTerms(
        connect=timeouts.connect,
        first_byte=timeouts.first_byte,
        body_idle=timeouts.body_idle,
        preserve_host=one.preserve_host,
        stripped_prefix=(one.prefix or "") if one.strip_prefix else "",
        trusted_proxies=settings.trusted_proxies,
        websocket=socket_terms(settings),
    )
    return Upstream(Origin.parse(str(one.url)), terms, _trust(one.tls) if one.tls is not None else None)


def _trust(tls: network.UpstreamTls) -> Trust:
    return read_trust(
        ca=tls.ca, server_name=tls.server_name or "", client_cert=tls.client_cert, client_key=tls.client_key
    )
