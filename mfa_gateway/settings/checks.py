"""Checks: what must hold between the keys of a configuration.

Each check reads a whole draft and yields what is wrong. What was already complained about while decoding is not
complained about again: a check that needs a damaged place keeps quiet. What stays out: rules (`rules`) and what a
single value may be (the sections).
"""

import ssl
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Final

from mfa_gateway.core.credential import folded_name
from mfa_gateway.settings.access import Dialects
from mfa_gateway.settings.adservio_checks import adservio_problems
from mfa_gateway.settings.decoding import Draft
from mfa_gateway.settings.durations import duration_text
from mfa_gateway.settings.factors import Smtp, Windows
from mfa_gateway.settings.files import HOW_TO_MAKE_A_KEY
from mfa_gateway.settings.gigya_checks import gigya_problems
from mfa_gateway.settings.identity import KEY_SOURCES, Bearer, Credentials, Directory
from mfa_gateway.settings.network import Tls, Upstream
from mfa_gateway.settings.problems import Place, Problem, listing, place_text, problem_at
from mfa_gateway.settings.upstreams import standard_areas, upstream_problems

Check = Callable[[Draft], Iterator[Problem]]

# RFC 7518 section 3.2: a key of the same size as the hash output or larger.
_SECRET_BYTES: Final = {"HS256": 32, "HS384": 48, "HS512": 64}


def _exactly_one(place: Place, keys: Sequence[str], written: Sequence[str], *, hint: str = "") -> Iterator[Problem]:
    """Complain unless exactly one of `keys` is written."""
    if len(written) > 1:
        yield problem_at(place, f"{listing(written, last='and')} are written: keep exactly one of them")
    elif not written:
        yield problem_at(place, f"needs exactly one of {listing(keys)}{hint}")


def _secrets(draft: Draft) -> Iterator[Problem]:
    secrets, place = draft.settings.secrets, ("secrets",)
    if not draft.is_whole(*place):
        return
    written = [
        key for key in ("keys", "keys_file") if key in secrets.model_fields_set and getattr(secrets, key) is not None
    ]
    yield from _exactly_one(place, ("keys", "keys_file"), written, hint=f": {HOW_TO_MAKE_A_KEY}")
    values = [key.get_secret_value() for key in secrets.newest_first]
    if written and not values:
        yield problem_at((*place, written[0]), f"holds no key: {HOW_TO_MAKE_A_KEY}")
    if len(set(values)) < len(values):
        yield problem_at((*place, written[0]), "holds the same key twice: keep it where it is newest")


def _store(draft: Draft) -> Iterator[Problem]:
    settings = draft.settings
    if settings.store.kind == "memory" and settings.workers > 1 and draft.is_whole("workers"):
        yield problem_at(("store", "url"), "memory:// lives in one process: use workers: 1 or another store")


def _network(draft: Draft) -> Iterator[Problem]:
    settings = draft.settings
    if settings.limits.target > settings.limits.head and draft.is_whole("limits"):
        yield problem_at(
            ("limits", "target"), "must not be above limits.head: the target is part of the header section"
        )
    if settings.ops_listen == settings.listen and settings.listen.port and draft.is_whole("listen"):
        yield problem_at(("ops_listen",), "is the address of listen: take another port")
    yield from _ext_authz(draft)
    if settings.tls is not None and draft.is_whole("tls"):
        yield from _listener_tls(settings.tls)
    for index, upstream in enumerate(settings.upstream):
        if draft.is_whole("upstream", index):
            yield from _upstream_tls(upstream, ("upstream", index))


def _ext_authz(draft: Draft) -> Iterator[Problem]:
    settings = draft.settings
    if (asked := settings.ext_authz) is None or not draft.is_whole("ext_authz"):
        return
    if asked.listen.port and asked.listen in (settings.listen, settings.ops_listen):
        yield problem_at(("ext_authz", "listen"), "is the address of another listener: take another port")
    if not settings.trusted_proxies and draft.is_whole("trusted_proxies"):
        yield problem_at(("ext_authz",), "answers nobody: write the network of your Envoy into trusted_proxies")


def _listener_tls(tls: Tls) -> Iterator[Problem]:
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(tls.cert, tls.key)
    except ssl.SSLError as error:
        why = (
            "do not belong together" if error.reason == "KEY_VALUES_MISMATCH" else "hold no certificate and key in PEM"
        )
        yield problem_at(("tls",), f"{tls.cert} and {tls.key} {why}")


def _upstream_tls(upstream: Upstream, place: Place) -> Iterator[Problem]:
    tls = upstream.tls
    if tls is None:
        return
    if not str(upstream.url).startswith("https:"):
        yield problem_at((*place, "tls"), "is for https:// URLs: write one, or take this out")
    if tls.client_key is not None and tls.client_cert is None:
        yield problem_at((*place, "tls", "client_cert"), "must be written, because client_key is")


def _bearers(draft: Draft) -> Iterator[Problem]:
    bearers = draft.settings.identity.bearer
    for index, bearer in enumerate(bearers):
        place: Place = ("identity", "bearer", index)
        if draft.is_whole(*place):
            yield from _key_source(bearer, place)
            if bearer.logout_audience is not None and not bearer.backchannel_logout:
                yield problem_at((*place, "logout_audience"), "means nothing without backchannel_logout: true")
    for (first, one), (second, other) in combinations(enumerate(bearers), 2):
        if draft.is_whole("identity", "bearer", first) and draft.is_whole("identity", "bearer", second):
            yield from _told_apart(one, other, places=(("identity", "bearer", first), ("identity", "bearer", second)))


def _key_source(bearer: Bearer, place: Place) -> Iterator[Problem]:
    written = [key for key in KEY_SOURCES if getattr(bearer, key) is not None]
    yield from _exactly_one(
        place, KEY_SOURCES, written, hint=": where do the keys come from that tokens are checked with?"
    )
    if len(written) == 1:
        yield from _algorithms(bearer, written[0], (*place, "algorithms"))
    if bearer.secret_file is not None:
        yield from _shared_secret(bearer, bearer.secret_file.content.get_secret_value(), (*place, "secret_file"))


def _algorithms(bearer: Bearer, source: str, place: Place) -> Iterator[Problem]:
    """One family per key source: a public key taken for a shared secret lets everybody sign (RFC 8725 section 3.1)."""
    symmetric = [name for name in bearer.algorithms if name.startswith("HS")]
    asymmetric = [name for name in bearer.algorithms if not name.startswith("HS")]
    if source == "secret_file" and asymmetric:
        yield problem_at(
            place, f"{listing(asymmetric, last='and')} cannot be used with secret_file: only HS256, HS384, HS512"
        )
    elif source != "secret_file" and symmetric:
        yield problem_at(
            place, f"{listing(symmetric, last='and')} cannot be used with {source}: only RS*, PS*, ES* or EdDSA"
        )
    elif source == "public_key_file" and len(kinds := sorted({_key_kind(name) for name in asymmetric})) > 1:
        yield problem_at(
            place, f"one public key is of one kind, these are for {listing(kinds, last='and')} keys: keep one kind"
        )


def _key_kind(algorithm: str) -> str:
    """RS* and PS* use the same RSA keys (RFC 7518 sections 3.3 and 3.5)."""
    return {"RS": "RSA", "PS": "RSA", "ES": "EC"}.get(algorithm[:2], algorithm)


def _shared_secret(bearer: Bearer, secret: bytes, place: Place) -> Iterator[Problem]:
    if b"-----BEGIN" in secret:
        yield problem_at(
            place, "holds a PEM key, not a shared secret: a public key used as a secret lets everybody sign"
        )
    needed = max((_SECRET_BYTES.get(name, 0) for name in bearer.algorithms), default=0)
    if len(secret) < needed:
        yield problem_at(place, f"holds {len(secret)} bytes, and {max(bearer.algorithms)} needs at least {needed}")


def _told_apart(one: Bearer, other: Bearer, *, places: tuple[Place, Place]) -> Iterator[Problem]:
    first, second = places
    if one.issuer != other.issuer:
        return
    if one.realm == other.realm:
        yield problem_at(second, f"has the realm and issuer of {place_text(first)}: make them one entry")
    else:
        yield problem_at(
            second,
            f"has the issuer of {place_text(first)} but another realm: "
            "the issuer alone tells by which entry a token is judged, so each has one",
        )


def _trusted_header(draft: Draft) -> Iterator[Problem]:
    header, others = draft.settings.identity.header, draft.settings.identity.other_credentials
    if header is None or not draft.is_whole("identity", "other_credentials"):
        return
    for index, name in enumerate(others.headers):
        if folded_name(name.encode()) == folded_name(header.name.encode()):
            place: Place = ("identity", "other_credentials", "headers", index)
            yield problem_at(place, "is identity.header.name, which is judged: take it off this list")


def _hooks(draft: Draft) -> Iterator[Problem]:
    settings = draft.settings
    for name, asked in (("directory", settings.directory), ("credentials", settings.credentials)):
        if draft.is_whole(name):
            yield from _hook(asked, (name,))


def _hook(asked: Directory | Credentials, place: Place) -> Iterator[Problem]:
    for key in ("url", "secret_file"):
        is_written = getattr(asked, key) is not None
        if asked.source == "http" and not is_written:
            yield problem_at((*place, key), "must be written, because source is http")
        elif asked.source != "http" and is_written:
            yield problem_at((*place, key), f"is for source: http, and source is {asked.source}: take it out")


def _email(draft: Draft) -> Iterator[Problem]:
    settings, place = draft.settings, ("senders", "email")
    if settings.senders.email is None:
        if settings.factors.email.enabled and draft.is_whole("factors", "email") and draft.is_whole(*place):
            how = "write senders.email.smtp (in development {log: {}} will do), or set factors.email.enabled: false"
            yield problem_at(place, f"is needed, because the factor email is enabled: {how}")
        return
    if draft.is_whole(*place):
        forms = ("smtp", "log", "webhook")
        yield from _exactly_one(
            place, forms, [key for key in forms if getattr(settings.senders.email, key) is not None]
        )
    if settings.senders.email.smtp is not None and draft.is_whole(*place, "smtp"):
        yield from _smtp(settings.senders.email.smtp, (*place, "smtp"))


def _smtp(smtp: Smtp, place: Place) -> Iterator[Problem]:
    if smtp.tls and smtp.starttls:
        yield problem_at(
            place, "tls and starttls are both true: tls is TLS from the first byte (465), starttls changes to it (587)"
        )
    if smtp.username and smtp.password_file is None:
        yield problem_at((*place, "password_file"), "must be written, because username is")
    if smtp.password_file is not None and smtp.username is None:
        yield problem_at((*place, "username"), "must be written, because password_file is")
    if smtp.username and not (smtp.tls or smtp.starttls):
        yield problem_at(place, "would send the password in clear: set starttls or tls to true")


def _sms(draft: Draft) -> Iterator[Problem]:
    sender, place = draft.settings.senders.sms, ("senders", "sms")
    if sender is None:
        if draft.settings.factors.sms.enabled and draft.is_whole("factors", "sms") and draft.is_whole(*place):
            yield problem_at(place, "is needed, because the factor sms is enabled")
        return
    if draft.is_whole(*place):
        forms = ("webhook", "twilio", "vonage", "log")
        yield from _exactly_one(place, forms, [key for key in forms if getattr(sender, key) is not None])
    if sender.twilio is not None and draft.is_whole(*place, "twilio"):
        written = {"from": sender.twilio.sender, "messaging_service_sid": sender.twilio.messaging_service_sid}
        yield from _exactly_one((*place, "twilio"), tuple(written), [key for key, value in written.items() if value])


def _push(draft: Draft) -> Iterator[Problem]:
    sender, place = draft.settings.senders.push, ("senders", "push")
    if sender is None:
        if draft.settings.factors.push.enabled and draft.is_whole("factors", "push") and draft.is_whole(*place):
            how = "write senders.push.webhook (in development {log: {}} will do)"
            yield problem_at(place, f"is needed, because the factor push is enabled: {how}")
        return
    if draft.is_whole(*place):
        forms = ("webhook", "log")
        yield from _exactly_one(place, forms, [key for key in forms if getattr(sender, key) is not None])


def _countries(draft: Draft) -> Iterator[Problem]:
    sms, place = draft.settings.factors.sms, ("factors", "sms", "countries")
    if sms.enabled and not sms.countries and draft.is_whole("factors", "sms"):
        yield problem_at(place, "names no country, so no number is taken: name some, or set factors.sms.enabled: false")


def _codes(draft: Draft) -> Iterator[Problem]:
    codes = draft.settings.codes
    if codes.resend_after > codes.ttl and draft.is_whole("codes"):
        ttl = duration_text(codes.ttl)
        yield problem_at(
            ("codes", "resend_after"), f"must not be above codes.ttl ({ttl}): there would be times without any code"
        )
    if codes.short.per_day < codes.short.tries and draft.is_whole("codes"):
        hint = f"must be at least codes.short.tries ({codes.short.tries}): no code would ever be tried so often"
        yield problem_at(("codes", "short", "per_day"), hint)


def _regulation(draft: Draft) -> Iterator[Problem]:
    regulation = draft.settings.regulation
    if regulation.ban_max < regulation.ban_time and draft.is_whole("regulation"):
        first = duration_text(regulation.ban_time)
        yield problem_at(("regulation", "ban_max"), f"must be at least regulation.ban_time ({first}): bans only grow")
    if regulation.per_day < regulation.max_retries and draft.is_whole("regulation"):
        hint = f"must be at least regulation.max_retries ({regulation.max_retries}): no window would ever be so full"
        yield problem_at(("regulation", "per_day"), hint)


def _rate_limits(draft: Draft) -> Iterator[Problem]:
    for name in type(draft.settings.rate_limits).model_fields:
        if name.startswith("send_") and draft.is_whole("rate_limits", name):
            yield from _windows(getattr(draft.settings.rate_limits, name), ("rate_limits", name))


def _windows(windows: Windows, place: Place) -> Iterator[Problem]:
    """A longer window with no more requests makes the shorter one worthless, and is most likely a slip."""
    for (first, one), (second, other) in combinations(enumerate(windows), 2):
        if one.period == other.period:
            yield problem_at((*place, second), f"has the period of {place_text((*place, first))}: keep one of them")


def _dialects(draft: Draft) -> Iterator[Problem]:
    if not draft.is_whole("dialects"):
        return
    dialects = draft.settings.dialects
    # These own areas, which is another question (gigya_checks, adservio_checks).
    spoken = [(name, getattr(dialects, name)) for name in sorted(dialects.enabled() - {"gigya", "adservio"})]
    for (one, first), (other, second) in combinations(spoken, 2):
        hosts_meet = not first.hosts or not second.hosts or bool({*first.hosts} & {*second.hosts})
        if first.prefix == second.prefix and hosts_meet:
            hint = "give it a prefix or hosts of its own"
            yield problem_at(("dialects", other), f"has the prefix and hosts of dialects.{one}: {hint}")
    if _is_glue_below_standard(dialects):
        yield problem_at(("dialects", "glue", "prefix"), "is below an endpoint of dialects.standard: choose another")


def _is_glue_below_standard(dialects: Dialects) -> bool:
    """Whether Glue's endpoints stand where the standard dialect answers everything."""
    glue, standard = dialects.glue, dialects.standard
    hosts_meet = not glue.hosts or not standard.hosts or bool({*glue.hosts} & {*standard.hosts})
    is_below = f"{glue.prefix}/".startswith(standard_areas(dialects))
    return glue.enabled and standard.enabled and hosts_meet and is_below


CHECKS: Final[tuple[Check, ...]] = (
    _network,
    upstream_problems,
    _store,
    _secrets,
    _bearers,
    _trusted_header,
    _hooks,
    _email,
    _sms,
    _push,
    _countries,
    _codes,
    _regulation,
    _rate_limits,
    _dialects,
    gigya_problems,
    adservio_problems,
)


def cross_checks(draft: Draft) -> Iterator[Problem]:
    """Everything that is wrong between the keys of a draft."""
    for check in CHECKS:
        yield from check(draft)
