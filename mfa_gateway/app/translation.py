"""Translation: settings become the values that each room speaks.

mypy proves here that each room fits the port that the engine wrote for it. What stays out: the order of things, and
everything that is opened or closed (gateway).
"""

import time
from collections.abc import Iterator
from typing import assert_never

import structlog

from mfa_gateway.core.account import Factor
from mfa_gateway.core.ceremony import DEACTIVATION_RIDE_MS
from mfa_gateway.core.credential import CarrierAction, OtherCredentials, folded_name, folded_parameter
from mfa_gateway.core.gate import KnownBy, Terms
from mfa_gateway.core.policy import Policy
from mfa_gateway.core.proof import CodeShapes, Regulation
from mfa_gateway.core.quota import Window
from mfa_gateway.dialects.glue import Audience, Glue, StatusFormat
from mfa_gateway.dialects.standard import Standard
from mfa_gateway.dialects.wire import Dialect
from mfa_gateway.directory.claims import ClaimsDirectory
from mfa_gateway.directory.records import RecordDirectory
from mfa_gateway.doors.ceremonies import Mount
from mfa_gateway.doors.cors import Cors
from mfa_gateway.doors.peers import PeerHeader, TrustedProxies
from mfa_gateway.doors.server import ServerTerms
from mfa_gateway.doors.upstream import Origin, Trust, Upstream, read_trust
from mfa_gateway.doors.upstream import Terms as ForwardingTerms
from mfa_gateway.engine.dispatch import DispatchTerms
from mfa_gateway.engine.ports import Directory
from mfa_gateway.identity.bearer import BearerIdentity
from mfa_gateway.identity.header import HeaderIdentity
from mfa_gateway.identity.introspection import IntrospectedIdentity
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
from mfa_gateway.senders.log import LogSender
from mfa_gateway.senders.post import Sender, Senders
from mfa_gateway.senders.smtp import Security, SmtpSender, SmtpTerms
from mfa_gateway.senders.texts import Texts
from mfa_gateway.senders.webhook import WebhookSender, WebhookTerms
from mfa_gateway.settings import Settings, milliseconds
from mfa_gateway.settings.factors import EmailSender, Smtp, Webhook, Windows
from mfa_gateway.settings.identity import Bearer, Introspection
from mfa_gateway.settings.network import UpstreamTls
from mfa_gateway.state.opening import StoreSettings
from mfa_gateway.state.store import Store


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
    )


def gate_terms(settings: Settings, policy: Policy) -> Terms:
    """The numbers and choices that hold for every call and ceremony."""
    regulation = settings.regulation
    graces = (rule.requirement.grace_ms for rule in (*policy.rules, policy.default))
    return Terms(
        factors=frozenset(map(Factor, settings.factors.enabled())),
        known_by=KnownBy.TOKEN if settings.directory.source == "claims" else KnownBy.RECORD,
        shapes=CodeShapes(sent=settings.codes.length),
        regulation=Regulation(
            max_retries=regulation.max_retries,
            find_time_ms=milliseconds(regulation.find_time),
            ban_time_ms=milliseconds(regulation.ban_time),
            ban_max_ms=milliseconds(regulation.ban_max),
        ),
        keep_ms=max(DEACTIVATION_RIDE_MS, *graces),
    )


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


def identity_of(settings: Settings, told: PeerHeader | None) -> Source:
    """The configured sources; the usual one alone, which is asked for every protected call, without a detour."""
    bearer, introspection, header = settings.identity.bearer, settings.identity.introspection, settings.identity.header
    signed = BearerIdentity(map(_bearer_terms, bearer), clock=time.time) if bearer else None
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
    )


def senders_of(settings: Settings) -> Senders:
    """How codes travel."""
    texts = Texts(settings.factors.totp.issuer)
    email = settings.senders.email
    return Senders({Factor.EMAIL: _email_sender(email, texts)} if email is not None else {})


def _email_sender(email: EmailSender, texts: Texts) -> Sender:
    if email.smtp is not None:
        return SmtpSender(_smtp_terms(email.smtp), texts=texts)
    if email.webhook is not None:
        return WebhookSender(_webhook_terms(email.webhook), texts=texts)
    return LogSender(structlog.get_logger("mfa_gateway.senders"), texts=texts)


def _smtp_terms(smtp: Smtp) -> SmtpTerms:
    security = Security.TLS if smtp.tls else Security.STARTTLS if smtp.starttls else Security.PLAIN
    password = smtp.password_file.content.get_secret_value().decode() if smtp.password_file else None
    return SmtpTerms(
        host=smtp.host,
        port=smtp.port,
        sender=smtp.sender,
        security=security,
        username=smtp.username,
        password=password,
        timeout=smtp.timeout,
    )


def _webhook_terms(webhook: Webhook) -> WebhookTerms:
    return WebhookTerms(webhook.url, webhook.secret_file.content.get_secret_value(), webhook.timeout)


def directory_of(settings: Settings, records: Store) -> Directory:
    """Where people can be reached."""
    match settings.directory.source:
        case "claims":
            return ClaimsDirectory()
        case "store":
            return RecordDirectory(records)
        case "http":
            raise ValueError("directory.source http is not supported yet")
        case _ as never:
            assert_never(never)


def dispatch_terms(settings: Settings) -> DispatchTerms:
    """The measures of sending codes."""
    limits = settings.rate_limits
    return DispatchTerms(
        digits=settings.codes.length,
        life_ms=milliseconds(settings.codes.ttl),
        resend_after_ms=milliseconds(settings.codes.resend_after),
        per_account=_windows(limits.send_per_account),
        per_destination=_windows(limits.send_per_destination),
        per_client=_windows(limits.send_per_address),
        total=_windows(limits.send_total),
    )


def _windows(windows: Windows) -> tuple[Window, ...]:
    return tuple(Window(window.requests, milliseconds(window.period)) for window in windows)


def dialects_of(settings: Settings) -> dict[str, Dialect]:
    """Every wire form by its name, whether its endpoints are served or not: rules refuse in it."""
    glue = settings.dialects.glue
    return {
        "glue": Glue(
            prefix=glue.prefix,
            base_url=str(settings.public_url),
            audience=Audience(glue.audience),
            status_format=StatusFormat(glue.status_format),
        ),
        "standard": Standard(),
    }


def mounts_of(settings: Settings, dialects: dict[str, Dialect]) -> Iterator[Mount]:
    """The dialects whose endpoints are served."""
    glue = settings.dialects.glue
    if glue.enabled:
        yield Mount(dialects["glue"], frozenset(glue.hosts))


def cors_of(settings: Settings) -> Cors:
    """Which pages of other origins may read our answers."""
    cors = settings.cors
    origins = frozenset(str(origin).encode("ascii") for origin in cors.origins)
    return Cors(origins, cors.credentials, round(cors.max_age))


def upstream_of(settings: Settings) -> Upstream:
    """The application that forwards.

    Raises:
        ValueError: the settings name no upstream, or files that cannot be used.
    """
    if not settings.upstream:
        raise ValueError("upstream: name the server to forward to, as in http://127.0.0.1:9000")
    one, timeouts = settings.upstream[0], settings.timeouts
    terms = ForwardingTerms(
        connect=timeouts.connect,
        first_byte=timeouts.first_byte,
        body_idle=timeouts.body_idle,
        preserve_host=one.preserve_host,
        trusted_proxies=settings.trusted_proxies,
    )
    return Upstream(Origin.parse(str(one.url)), terms, _trust(one.tls) if one.tls is not None else None)


def _trust(tls: UpstreamTls) -> Trust:
    return read_trust(
        ca=tls.ca, server_name=tls.server_name or "", client_cert=tls.client_cert, client_key=tls.client_key
    )
