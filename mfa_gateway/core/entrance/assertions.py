"""Assertions: signed statements of what a step of a second factor may do, and of what it has done.

The claims are those of the contract, in its order (spec/gigya.md section 5):

    gigyaAssertion     action params ctx iss sub aud iat jti     by us, to a provider of second factors
    providerAssertion  ctx iss sub aud iat jti                   by the provider, who is ourselves as well

There is no `exp`: five minutes from `iat` it is over. `ctx` is sealed: account, site and device, the passage that it
was made in, what it was asked for. Whoever brings an assertion has to be at that site, on that device, while the
passage lasts; the claims in clear have to agree with what is sealed. Each kind has a type of its own, and neither is
that of a bearer token (spec/attacks.md J09); in the old form, which leaves no room for a type, the address in `x5u`
tells them apart. No address in a token is ever followed.

What stays out: who gets one (tfa), and signing (identity).
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from mfa_gateway.core.account import Caller, Factor
from mfa_gateway.core.entrance.outcomes import Denial, Turned
from mfa_gateway.core.entrance.passages import Holder, caller_in
from mfa_gateway.core.entrance.second_words import BeginPassage, Passage
from mfa_gateway.core.entrance.steps import Visit, device_flaw
from mfa_gateway.core.entrance.words import Asked, DrawId, Mint, OpenTicket, ReadToken, SealTicket, asked, asked_if_any
from mfa_gateway.core.site import PROVIDERS, Site
from mfa_gateway.core.tickets import Ticket, TicketKind

# spec/gigya.md section 5.
ISSUER: Final = "gigya.com"
ASSERTION_MS: Final = 300_000
# Replicas' clocks differ a little.
_AHEAD_MS: Final = 10_000
_JTI_BYTES: Final = 24

# The `typ` of each kind.
_ASSERTED: Final = "gigya-assertion+jwt"
_ANSWERED: Final = "provider-assertion+jwt"
# What the old form says in `x5u`, beneath the address of the site.
_CERTIFICATES: Final[Mapping[str, str]] = MappingProxyType(
    {_ASSERTED: "accounts.tfa.getCertificate", _ANSWERED: "accounts.tfa.phone.getCertificate"}
)

NAMES: Final[Mapping[Factor, str]] = MappingProxyType({factor: name for name, factor in PROVIDERS.items()})


class Mode(StrEnum):
    """What an assertion was asked for."""

    REGISTER = "register"
    VERIFY = "verify"
    ADD = "add"
    EDIT = "edit"


class Deed(StrEnum):
    """What an assertion allows: its `action`."""

    VERIFY = "verify"
    EDIT = "edit"
    REGISTER_OR_VERIFY = "registerOrVerify"


DEEDS: Final[Mapping[Mode, Deed]] = MappingProxyType(
    {
        Mode.VERIFY: Deed.VERIFY,
        Mode.REGISTER: Deed.REGISTER_OR_VERIFY,
        Mode.ADD: Deed.REGISTER_OR_VERIFY,
        Mode.EDIT: Deed.EDIT,
    }
)
ANY_DEED: Final = frozenset(Deed)
ENROLS: Final = frozenset({Deed.EDIT, Deed.REGISTER_OR_VERIFY})
TO_EDIT: Final = frozenset({Deed.EDIT})


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of an assertion."""

    action: str
    params: Mapping[str, str]
    ctx: str = field(repr=False)
    iss: str
    sub: str
    aud: tuple[str, ...]
    iat: int
    jti: str

    def written(self) -> dict[str, object]:
        """As they are signed, in the order of the contract."""
        return {
            "action": self.action,
            "params": dict(self.params),
            "ctx": self.ctx,
            "iss": self.iss,
            "sub": self.sub,
            "aud": list(self.aud),
            "iat": self.iat,
            "jti": self.jti,
        }


def read_claims(said: Mapping[str, object]) -> Claims | None:
    """The claims of an assertion; None where one is missing, of another kind, or one too many."""
    match said:
        case {
            "action": str(action),
            "params": dict(params),
            "ctx": str(ctx),
            "iss": str(iss),
            "sub": str(sub),
            "aud": list(aud),
            "iat": int(iat),
            "jti": str(jti),
            **more,
        } if not more and not isinstance(iat, bool):
            texts = (*params.values(), *aud)
            is_whole = all(isinstance(text, str) for text in texts)
            return Claims(action, params, ctx, iss, sub, tuple(aud), iat, jti) if is_whole else None
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Held:
    """An assertion that is good here and now.

    Attributes:
        jti: names it.
        factor: the provider that it is for.
        mode: what it was asked for.
        caller: whose it is, in the passage that it was made in.
        passage: that passage, as it is now.
        device: where it was asked for; "" where that device did not say who it is.
    """

    jti: str
    factor: Factor
    mode: Mode
    caller: Caller
    passage: Passage
    device: str = field(default="", repr=False)

    @property
    def deed(self) -> Deed:
        """What it allows."""
        return DEEDS[self.mode]


_BAD: Final = Turned(Denial.ASSERTION_BAD, "gigyaAssertion")


def assertion_for(holder: Holder, factor: Factor, *, mode: Mode, visit: Visit) -> Asked[str]:
    """A new assertion, which lets a holder take the steps of one provider."""
    drawn = (yield from asked(DrawId(), str)) + (yield from asked(DrawId(), str))
    jti = b64encode(bytes.fromhex(drawn)[:_JTI_BYTES]).decode("ascii")
    account = holder.caller.account
    context = Ticket(
        *(TicketKind.CONTEXT, visit.site.name, "", visit.now_ms, ASSERTION_MS),
        account=account,
        epoch=holder.epoch,
        device=visit.device,
        factor=factor,
        facts={"jti": jti, "mode": mode.value, "passage": holder.name},
    )
    ctx = yield from asked(SealTicket(context), str)
    now = visit.now_ms // 1000
    claims = Claims(DEEDS[mode].value, {}, ctx, ISSUER, account.subject, (NAMES[factor],), now, jti)
    return (yield from _signed(claims.written(), _ASSERTED, visit.site))


def held(text: str, visit: Visit, factor: Factor, *, deeds: frozenset[Deed] = ANY_DEED) -> Asked[Held | Turned]:
    """An assertion for this provider that is good at this site, now, and on this device, and allows one of these."""
    found = yield from _held(text, visit)
    if isinstance(found, Turned):
        return found
    return found if found.factor is factor and found.deed in deeds else _BAD


def held_elsewhere(text: str, visit: Visit, factor: Factor) -> Asked[Held | Turned]:
    """The same, on whichever device: for one that was sent the assertion of another, and proves itself beside it."""
    found = yield from _held(text, visit, is_here=False)
    if isinstance(found, Turned):
        return found
    return found if found.factor is factor else _BAD


def held_by(text: str, visit: Visit, holder: Holder) -> Asked[Held | Turned]:
    """An assertion of any provider that this holder asked for."""
    found = yield from _held(text, visit)
    if isinstance(found, Turned):
        return found
    return found if found.caller == holder.caller else _BAD


def _held(text: str, visit: Visit, *, is_here: bool = True) -> Asked[Held | Turned]:
    said = yield from _read(text, _ASSERTED, visit.site)
    claims = None if said is None else read_claims(said)
    if claims is None or claims.iss != ISSUER or not _is_fresh(claims.iat, visit):
        return _BAD
    context = yield from _context(claims.ctx, visit, is_here=is_here)
    if isinstance(context, Turned):
        return context
    if context.account is None or context.factor is None or "mode" not in context.facts:
        return _BAD
    found = Mode(context.facts["mode"])
    says_so = (claims.sub, claims.aud, claims.jti, claims.action)
    if says_so != (context.account.subject, (NAMES[context.factor],), context.facts["jti"], DEEDS[found].value):
        return _BAD
    name = context.facts["passage"]
    # It has begun: the login of an assertion is over with the session that it ended in.
    passage = yield from asked_if_any(BeginPassage(context.account, name, context.epoch, life_ms=0), Passage)
    if passage is None:
        return _BAD
    return Held(claims.jti, context.factor, found, caller_in(context.account, name), passage, context.device)


def answer_to(held: Held, shown: Factor, visit: Visit) -> Asked[str]:
    """The provider's own statement: this factor was shown, as that assertion asked for."""
    account = held.caller.account
    context = Ticket(
        *(TicketKind.CONTEXT, visit.site.name, "", visit.now_ms, ASSERTION_MS),
        account=account,
        device=visit.device,
        factor=shown,
        facts={"jti": held.jti, "answers": held.caller.session},
    )
    claims = {
        "ctx": (yield from asked(SealTicket(context), str)),
        "iss": NAMES[held.factor],
        "sub": account.subject,
        "aud": ISSUER,
        "iat": visit.now_ms // 1000,
        "jti": held.jti,
    }
    return (yield from _signed(claims, _ANSWERED, visit.site))


def shown_by(text: str, held: Held, visit: Visit) -> Asked[Factor | Turned]:
    """The factor that was shown, as the provider states in answer to this assertion and no other."""
    bad = Turned(Denial.ASSERTION_BAD, "providerAssertion")
    said = yield from _read(text, _ANSWERED, visit.site)
    match said:
        case {"ctx": str(ctx), "iss": str(iss), "sub": str(sub), "aud": str(aud), "iat": int(iat), "jti": str(jti)}:
            context = yield from _context(ctx, visit)
        case _:
            return bad
    if isinstance(context, Turned):
        return context
    account = held.caller.account
    if (iss, sub, aud, jti) != (NAMES[held.factor], account.subject, ISSUER, held.jti) or not _is_fresh(iat, visit):
        return bad
    if context.account != account or context.factor is None:
        return bad
    facts = (context.facts.get("jti"), context.facts.get("answers"))
    return context.factor if facts == (held.jti, held.caller.session) else bad


def _context(text: str, visit: Visit, *, is_here: bool = True) -> Asked[Ticket | Turned]:
    """What is sealed in an assertion, where it is of this site, of this time and, with `is_here`, of this device."""
    context = yield from asked_if_any(OpenTicket(TicketKind.CONTEXT, visit.site.name, text), Ticket)
    if context is None or not context.is_alive(visit.now_ms):
        return _BAD
    flaw = device_flaw(context, visit, about="gmid") if is_here else None
    if flaw is None:
        return context
    return flaw if flaw.denial is Denial.DEVICE_MISSING else _BAD


def _is_fresh(iat: int, visit: Visit) -> bool:
    return not isinstance(iat, bool) and -_AHEAD_MS <= visit.now_ms - iat * 1000 < ASSERTION_MS


def _certificate_url(kind: str, site: Site) -> str:
    return f"{site.base_url}/{_CERTIFICATES[kind]}" if site.legacy_assertions else ""


def _signed(claims: Mapping[str, object], kind: str, site: Site) -> Asked[str]:
    return (yield from asked(Mint(claims, kind, _certificate_url(kind, site)), str))


def _read(text: str, kind: str, site: Site) -> Asked[Mapping[str, object] | None]:
    said = yield ReadToken(kind, text, _certificate_url(kind, site))
    if said is not None and not isinstance(said, Mapping):
        raise TypeError(f"ReadToken was answered with a {type(said).__name__}")
    return said
