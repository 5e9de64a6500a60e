"""The entrance: exchanges with visitors who have proved nothing yet, up to the session that makes them callers.

Theory. An errand is what a dialect read from one request: a command, what was presented, and who may ask for it. Like a
ceremony it is a generator that yields needs and is sent their answers, played by the engine's porter:

    errand --> limits, who is this --> exchange -- Need --> porter --> store, directory, sender, signer
                                                <- Answer -
                                                -- Outcome --> dialect

A new exchange takes four lines besides itself: a `Command` of its own and a function `(command, visit)` that generates,
in a module beside `codes`; a line in `_EXCHANGES`; and, in the dialect, a line in its table of methods. A new outcome
goes into `outcomes`, a new need into `words` and into the porter. Needs that the ceremonies of callers have already
are asked with `OnBehalf`, and whole steps of theirs with `on_behalf`.

What stays out: wire forms, and what callers with a bearer token do (ceremony).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mfa_gateway.core.entrance import (
    authenticators,
    codes,
    logins,
    options,
    own_sessions,
    profiles,
    pushes,
    second_changes,
    second_codes,
    sign_ins,
    tfa,
)
from mfa_gateway.core.entrance.outcomes import (
    Attested,
    CodeSent,
    Denial,
    Entered,
    Finished,
    Incomplete,
    Outcome,
    Turned,
)
from mfa_gateway.core.entrance.steps import EntranceTerms, Stay, Visit, limited
from mfa_gateway.core.entrance.visitors import ANYBODY, Credential, Kind, Nothing, Stranger, Visitor, admitted, kind_of
from mfa_gateway.core.entrance.words import Answer, Asked, Command, Need
from mfa_gateway.core.quota import QuotaKind
from mfa_gateway.core.site import Site

__all__ = [
    "ANYBODY", "Answer", "Asked", "Attested", "CodeSent", "Command", "Denial", "Entered", "EntranceTerms", "Errand",
    "Exchange", "Finished", "Incomplete", "Kind", "Need", "Outcome", "Stay", "Turned", "Visit", "begin", "later",
]  # fmt: skip

Exchange = Asked[Outcome]

_STRANGER: Final = Stranger()

# The exchange of each command. A function takes exactly the command that it stands behind.
_EXCHANGES: Final[Mapping[type[Command], Callable[[Any, Visit], Exchange]]] = {
    codes.SendCode: codes.send_code,
    codes.DeliverCode: codes.deliver_code,
    codes.EnterByCode: codes.enter_by_code,
    codes.ProveAddress: codes.prove_address,
    codes.AttestAddress: codes.attest_address,
    codes.ForgetAddress: codes.forget_address,
    logins.LogIn: logins.log_in,
    logins.NameSomebody: logins.name_somebody,
    logins.FinishRegistration: logins.finish_registration,
    profiles.Look: profiles.look,
    profiles.Amend: profiles.amend,
    own_sessions.SignToken: own_sessions.sign_token,
    own_sessions.TellKeys: own_sessions.tell_keys,
    own_sessions.LogOut: own_sessions.log_out,
    own_sessions.ConfirmSession: own_sessions.confirm_session,
    own_sessions.NameDevice: own_sessions.name_device,
    own_sessions.Acknowledge: own_sessions.acknowledge,
    options.ListOptions: options.list_options,
    options.ChallengeOption: options.challenge_option,
    options.AddAddress: options.add_address,
    options.AddAuthenticator: options.add_authenticator,
    options.ConfirmOption: options.confirm_option,
    options.RemoveOption: options.remove_option,
    sign_ins.SignIn: sign_ins.sign_in,
    tfa.TellFactors: tfa.tell_factors,
    tfa.BeginSecond: tfa.begin_second,
    tfa.FinishSecond: tfa.finish_second,
    tfa.TellCertificate: tfa.tell_certificate,
    second_codes.TellAddresses: second_codes.tell_addresses,
    second_codes.SendSecond: second_codes.send_second,
    second_codes.AnswerSecond: second_codes.answer_second,
    second_codes.RemoveAddress: second_codes.remove_address,
    authenticators.TellAuthenticators: authenticators.tell_authenticators,
    authenticators.DrawSecret: authenticators.draw_secret,
    authenticators.ShowAuthenticator: authenticators.show_authenticator,
    authenticators.PrintCodes: authenticators.print_codes,
    authenticators.CountCodes: authenticators.count_codes,
    authenticators.ShowBackupCode: authenticators.show_backup_code,
    pushes.OptIn: pushes.opt_in,
    pushes.SendPush: pushes.send_push,
    pushes.AskAnswer: pushes.ask_answer,
    pushes.AnswerPush: pushes.answer_push,
    second_changes.DropFactor: second_changes.drop_factor,
    second_changes.ResetFactors: second_changes.reset_factors,
    second_changes.BringPhones: second_changes.bring_phones,
    second_changes.ForgetDevices: second_changes.forget_devices,
}


@dataclass(frozen=True, slots=True)
class Errand:
    """One request at the entrance, as a dialect decoded it.

    Attributes:
        command: what is asked for.
        site: in whose name.
        credential: what was presented.
        welcome: who may ask for it.
        now_ms: milliseconds since 1970 by the host's clock.
        client: the address of the client, as it is counted.
        device: the id of the device as it says; "" where it says none.
        languages: what the visitor prefers to read, best first.
    """

    command: Command
    site: Site
    now_ms: int
    credential: Credential = field(default_factory=Nothing)
    welcome: frozenset[Kind] = ANYBODY
    client: str = ""
    device: str = field(default="", repr=False)
    languages: tuple[str, ...] = ()


def begin(errand: Errand, terms: EntranceTerms) -> Exchange:
    """Begin an errand: count the call, see who it is, and whether they may ask for this."""
    unknown = _visit(errand, terms)
    visitor = yield from admitted(errand.credential, errand.site)
    visit = unknown if isinstance(visitor, Turned) else _visit(errand, terms, visitor)
    # Bad credentials count like none: guessing them is what the limit is for.
    if left_ms := (yield from limited(QuotaKind.CALLS, terms.calls, visit)):
        return Turned(Denial.CALLS_LIMITED, retry_after_ms=left_ms)
    if isinstance(visitor, Turned):
        return visitor
    if kind_of(visitor) not in errand.welcome:
        return Turned(Denial.FORBIDDEN)
    return (yield from _EXCHANGES[type(errand.command)](errand.command, visit))


def later(command: Command, errand: Errand, terms: EntranceTerms) -> Exchange:
    """Begin what an errand left to be done after its answer."""
    return _EXCHANGES[type(command)](command, _visit(errand, terms))


def _visit(errand: Errand, terms: EntranceTerms, visitor: Visitor = _STRANGER) -> Visit:
    return Visit(
        errand.site,
        visitor,
        errand.now_ms,
        client=errand.client,
        device=errand.device,
        languages=errand.languages,
        terms=terms,
    )
