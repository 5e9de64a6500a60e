"""The numbers of the core, and what holds where nobody says otherwise.

Written down a second time on purpose: whoever changes one changes what the gateway promises, and has to say so here.
"""

from dataclasses import fields
from types import ModuleType

import pytest

from mfa_gateway.core import (
    account,
    gate,
    language,
    names,
    otp,
    phone,
    policy,
    proof,
    push,
    readings,
    signature,
    tickets,
)
from mfa_gateway.core.account import LEVELS, Factor, Standing
from mfa_gateway.core.ceremony import Challenged, Failed, authority, factors
from mfa_gateway.core.ceremony import words as ceremony
from mfa_gateway.core.entrance import (
    assertions,
    authenticators,
    codes,
    logins,
    options,
    outcomes,
    passages,
    profiles,
    pushes,
    second_codes,
    second_outcomes,
    second_words,
    sign_ins,
    steps,
    tfa,
    visitors,
)
from mfa_gateway.core.entrance import words as entrance
from mfa_gateway.core.explanation import Finding
from mfa_gateway.core.foresight import Clear, Closed, Prospect, Way
from mfa_gateway.core.logout import Hearsay
from mfa_gateway.core.quota import Stop
from mfa_gateway.core.routing import Route
from mfa_gateway.core.site import Site, Tfa
from mfa_gateway.core.verdict import Refuse

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def test_who_can_change_a_factor_follows_from_how_hard_it_is_to_take_over() -> None:
    assert LEVELS == {Factor.EMAIL: 10, Factor.SMS: 20, Factor.TOTP: 30, Factor.BACKUP: 30, Factor.PUSH: 30}


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        (ceremony, "PENDING_TOTP_MS", 10 * MINUTE),
        (authority, "FRESH_LOGIN_MS", 5 * MINUTE),
        (factors, "DEACTIVATION_RIDE_MS", 5 * MINUTE),
        (gate, "RETRY_MS", SECOND),
        (assertions, "ASSERTION_MS", 5 * MINUTE),
        (second_codes, "TICKET_MS", assertions.ASSERTION_MS),
        (codes, "ATTESTATION_MS", 5 * MINUTE),
        (authenticators, "_TICKET_MS", 10 * MINUTE),
        (logins, "IDENTIFIER_MS", 10 * MINUTE),
        (passages, "_SERVER_MS", 10 * MINUTE),
        (steps, "REGISTRATION_MS", HOUR),
        (steps, "ID_TOKEN_MS", 5 * MINUTE),
        (tfa, "_SLACK_MS", MINUTE),
        (pushes, "_REMEMBERED_MS", 6 * MINUTE),
        (push, "SUMMONS_MS", 2 * MINUTE),
        # The clocks of replicas and issuers differ by so much.
        (authority, "_AHEAD_MS", 10 * SECOND),
        (assertions, "_AHEAD_MS", 10 * SECOND),
        (tickets, "_AHEAD_MS", 10 * SECOND),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_things_last(module: ModuleType, name: str, expected: int) -> None:
    assert getattr(module, name) == expected


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        (account, "MOST_ENROLMENTS", 5),
        (account, "LONGEST_NAME", 64),
        (names, "MAX_NAME", 255),
        (language, "MAX_HEADER", 256),
        (language, "MAX_PREFERENCES", 10),
        (proof, "MAX_PRESENTED", 64),
        (proof, "BACKUP_LENGTH", 10),
        (otp, "LEAST_SECRET", 16),
        (signature, "MIN_SIGNING_SECRET", 32),
        (phone, "BLOCK_DIGITS", 4),
        (push, "TOKEN_BYTES", 32),
        (authenticators, "BACKUP_CODES", 9),
        (assertions, "_JTI_BYTES", 24),
        (options, "_NUMBER_CHARACTERS", 13),
        (profiles, "LARGEST_PROFILE", 16_384),
        (profiles, "_MOST_TRIES", 3),
        (steps, "_MOST_TRIES", 3),
        (policy, "_MOST_REMEMBERED", 4096),
        (readings, "_MOST_TEXTS", 48),
        (readings, "_LONGEST", 2048),
        (readings, "_MOST_MARKS", 24),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_things_have_a_size(module: ModuleType, name: str, expected: int) -> None:
    assert getattr(module, name) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Standing, {"recorded": False, "disabled": False, "epoch": 0, "now_ms": 0, "backup_level": 0}),
        (gate.Terms, {"keep_ms": 30 * MINUTE, "backup_codes": 10, "code_life_ms": 10 * MINUTE}),
        (otp.TotpProfile, {"digits": 6, "period": 30, "drift": 1}),
        (policy.Requirement, {"grace_ms": 30 * MINUTE, "tells_grace": False}),
        (proof.ShortCodes, {"tries": 3, "per_day": 10}),
        (proof.CodeShapes, {"sent": 6}),
        (
            proof.Regulation,
            {
                "max_retries": 5,
                "find_time_ms": 10 * MINUTE,
                "ban_time_ms": 15 * MINUTE,
                "ban_max_ms": DAY,
                "per_day": 100,
            },
        ),
        (proof.Ride, {"same_token": False}),
        (proof.Rejected, {"ban_left_ms": 0}),
        (tickets.Ticket, {"epoch": 0}),
        (Refuse, {"retry_after_ms": 0}),
        (Prospect, {"ban_left_ms": 0, "short_left_ms": 0}),
        (Clear, {"left_ms": 0, "until_ms": 0}),
        (Way, {"wait_ms": 0}),
        (Closed, {"retry_after_ms": 0}),
        (Finding, {"applies": False}),
        (Hearsay, {"is_nameless": False}),
        (Stop, {"sent": 0, "redeemed": 0}),
        (Route, {"strips_prefix": False}),
        (Tfa, {"remember_ms": 30 * DAY}),
        (Site, {"code_digits": 6, "returns_code": False, "session_ms": HOUR, "legacy_assertions": False}),
        (Challenged, {"life_ms": 0}),
        (Failed, {"retry_after_ms": 0}),
        (outcomes.Turned, {"retry_after_ms": 0, "begins_ban": False}),
        (outcomes.Entered, {"is_new": False}),
        (outcomes.Incomplete, {"is_new": False}),
        (second_outcomes.EnrolmentsTold, {"is_plain": False}),
        (second_words.Passage, {"age_ms": 0}),
        (passages.Holder, {"is_here": True, "is_ambient": False, "has_session": True}),
        (codes.SendCode, {"sends": True}),
        (sign_ins.SignIn, {"remembers": False}),
        (steps.Stay, {"wants_id_token": False}),
        (tfa.FinishSecond, {"remembers": True}),
        (visitors.SessionShown, {"is_ambient": False, "is_extended": False}),
        (visitors.Owner, {"is_ambient": False}),
        (entrance.Portrait, {"is_disabled": False, "email_verified": False, "phone_verified": False}),
    ],
    ids=lambda given: given.__name__ if isinstance(given, type) else "",
)
def test_where_nobody_says_otherwise(kind: type, expected: dict[str, int | bool]) -> None:
    numbers = {field.name: field.default for field in fields(kind) if isinstance(field.default, int)}
    assert numbers == expected
