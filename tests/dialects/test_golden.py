"""The wire forms, whole: every reply that a dialect can write, compared byte by byte with the files in golden/."""

from collections.abc import Callable, Mapping

import pytest

from mfa_gateway.core.account import Awaited, Enrolment, Factor, FactorState, Inventory, Proof
from mfa_gateway.core.ceremony import Begun, Challenged, Done, Failed, Foretold, Listed, Printed, Proven, Stock, Windows
from mfa_gateway.core.foresight import Asks, Clear, Closed, Ease, Foresight, Way
from mfa_gateway.core.policy import Access, Requirement
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.glue import Audience, Glue, StatusFormat
from mfa_gateway.dialects.standard import Standard, bodies
from mfa_gateway.dialects.wire import Asked, Reply
from tests.dialects.adservio.goldens import FILES as ADSERVIO
from tests.dialects.gigya.account_goldens import FILES as GIGYA_ACCOUNTS
from tests.dialects.gigya.goldens import FILES as GIGYA
from tests.dialects.gigya.tfa_goldens import FILES as GIGYA_TFA

Replies = Mapping[str, Reply]
Golden = Callable[[str, Replies], None]

SHOP = "https://shop.example"
GLUE = Glue(base_url=SHOP)
USER = Glue(base_url=SHOP, audience=Audience.USER)
INTEGER = Glue(base_url=SHOP, status_format=StatusFormat.INTEGER)
PREFIXED = Glue(prefix="/mfa", base_url=SHOP)
STANDARD = Standard()

JSON_API = "application/vnd.api+json"
GATE = Asked("PATCH", "/customer-password/DE--42")
TYPES = Asked("GET", "/multi-factor-auth-types")
VERIFY = Asked("POST", "/multi-factor-auth-type-verify")
FACTORS = Listed(
    (
        (Factor.EMAIL, FactorState.ACTIVE),
        (Factor.SMS, FactorState.PENDING),
        (Factor.TOTP, FactorState.OFF),
    )
)
# 400 where a ceremony was asked for, 403 where a protected route was. Everything else reads alike in both places.
OTHERWISE_AT_THE_GATE = (
    Reason.ACCOUNT_UNKNOWN,
    Reason.ACCOUNT_DISABLED,
    Reason.NOT_ENROLLED,
    Reason.FACTOR_NOT_FOUND,
)
# The only reasons that speak of somebody.
OF_AUDIENCE = (Reason.NO_SUBJECT, Reason.ACCOUNT_UNKNOWN, Reason.ACCOUNT_DISABLED)


def glue_listing() -> Replies:
    return {
        "E1, one factor in each state": GLUE.encode(FACTORS, TYPES),
        "E1 with status_format: integer": INTEGER.encode(FACTORS, TYPES),
        "E1 under the prefix /mfa": PREFIXED.encode(
            Listed(((Factor.EMAIL, FactorState.OFF),)), Asked("GET", "/mfa/multi-factor-auth-types")
        ),
        "E1 where the gateway offers nothing": GLUE.encode(Listed(()), TYPES),
    }


def glue_done() -> Replies:
    return {"E2 to E5, done": GLUE.encode(Done(), VERIFY)}


def glue_errors() -> Replies:
    return {f"{reason}": GLUE.encode(Failed(reason), VERIFY) for reason in Reason}


def glue_gate() -> Replies:
    return {f"{reason}, on a protected route": GLUE.refuse(reason, GATE) for reason in OTHERWISE_AT_THE_GATE}


def glue_user_audience() -> Replies:
    ceremony = {f"{reason}": USER.encode(Failed(reason), VERIFY) for reason in OF_AUDIENCE}
    return ceremony | {f"{reason}, on a protected route": USER.refuse(reason, GATE) for reason in OF_AUDIENCE}


def glue_retry_after() -> Replies:
    return {
        "banned for 14 minutes and 59.001 seconds more": GLUE.refuse(Reason.BANNED, GATE, retry_after_ms=899_001),
        "a wrong code that brought a ban of 15 minutes": GLUE.refuse(Reason.CODE_INVALID, GATE, retry_after_ms=900_000),
        "asked for another code too soon": GLUE.encode(Failed(Reason.SEND_LIMITED, 29_500), VERIFY),
        "the store is away, nobody knows for how long": GLUE.refuse(Reason.STORE_UNAVAILABLE, GATE),
    }


def glue_media_types() -> Replies:
    return {
        "a refusal, Accept: application/vnd.api+json": GLUE.refuse(
            Reason.CODE_MISSING, Asked("PATCH", "/customer-password/DE--42", JSON_API)
        ),
        "E1, Accept: application/vnd.api+json": GLUE.encode(
            Listed(((Factor.EMAIL, FactorState.ACTIVE),)), Asked("GET", "/multi-factor-auth-types", JSON_API)
        ),
        "a refusal, Accept: */*": GLUE.refuse(Reason.CODE_MISSING, Asked("PATCH", "/customer-password/DE--42", "*/*")),
    }


def glue_method_not_allowed() -> Replies:
    return {
        "POST to E1": GLUE.refuse(Reason.METHOD_NOT_ALLOWED, Asked("POST", "/multi-factor-auth-types")),
        "GET to E4": GLUE.refuse(Reason.METHOD_NOT_ALLOWED, Asked("GET", "/multi-factor-auth-type-verify")),
        "TRACE to anything": GLUE.refuse(Reason.METHOD_NOT_ALLOWED, Asked("TRACE", "/carts")),
    }


def standard_refusals() -> Replies:
    return {f"{reason}": STANDARD.refuse(reason, GATE) for reason in Reason}


def standard_step_ups() -> Replies:
    asks = {
        "any factor, half an hour": Requirement(Access.MFA),
        "a code for every call": Requirement(Access.MFA, grace_ms=0),
        "two factors": Requirement(Access.MFA, factors=frozenset({Factor.TOTP, Factor.SMS}), grace_ms=60_000),
    }
    return {
        name: STANDARD.refuse(Reason.CODE_MISSING, Asked("PATCH", "/customer-password/DE--42", requirement=requirement))
        for name, requirement in asks.items()
    }


def standard_occurrence() -> Replies:
    named = Asked("PATCH", "/customer-password/DE--42", request_id="01JD-7f3a")
    return {
        "banned for 15 minutes, in a request that has a name": STANDARD.refuse(
            Reason.BANNED, named, retry_after_ms=900_000
        ),
        "the store is away, nobody knows for how long": STANDARD.refuse(Reason.STORE_UNAVAILABLE, named),
    }


STORED = "0123456789abcdef01234567"
# A URI that no account has: pictures of it are long, and hold a secret.
BEGUN = Begun(STORED, "JBSWY3DPEHPK3PXP", "otpauth://totp/Shop:ada?secret=JBSWY3DPEHPK3PXP&issuer=Shop")
STOCK = Stock(
    Inventory(
        (
            Enrolment(Factor.EMAIL, STORED, "", "ada@shop.example", 1_763_769_600_000, 1_763_773_200_999),
            Enrolment(Factor.SMS, STORED, "Work", "+491701234567", 1_763_769_600_000),
            Enrolment(Factor.TOTP, STORED, "Ærø"),
        ),
        backup_left=9,
        awaited=(Awaited(Enrolment(Factor.EMAIL, STORED, "Home", "ada@home.example"), 86_399_999),),
    )
)


def standard_answers() -> Replies:
    adding, asking = Asked("POST", "/mfa/factors"), Asked("POST", "/mfa/challenges")
    verifying, grace = Asked("POST", "/mfa/challenges/verify"), Asked("GET", "/mfa/grace")
    proof = Proof(Factor.EMAIL, 61_999)
    return {
        "GET factors": STANDARD.encode(STOCK, Asked("GET", "/mfa/factors")),
        "GET factors, nothing there": STANDARD.encode(Stock(Inventory()), Asked("GET", "/mfa/factors")),
        "POST factors, an address": STANDARD.encode(
            Challenged(Factor.EMAIL, STORED, "ada@shop.example", 600_000), adding
        ),
        "POST factors, an authenticator": STANDARD.encode(BEGUN, adding),
        "confirm, PATCH and DELETE": STANDARD.encode(Done(), Asked("DELETE", f"/mfa/factors/01{STORED}")),
        "POST challenges": STANDARD.encode(Challenged(Factor.SMS, STORED, "+491701234567", 599_999), asking),
        "POST challenges, an authenticator": STANDARD.encode(Challenged(Factor.TOTP, STORED), asking),
        "POST challenges/verify": STANDARD.encode(Proven(Proof(Factor.TOTP, 0), Scope.SESSION), verifying),
        "GET grace": STANDARD.encode(Windows(((Scope.SESSION, proof), (Scope.ACCOUNT, proof))), grace),
        "GET grace, nothing proved": STANDARD.encode(Windows(), grace),
        "POST backup-codes": STANDARD.encode(Printed(("ABCDEFGHIJ", "KLMNOPQRST")), Asked("POST", "/mfa/backup-codes")),
    }


def standard_forecasts() -> Replies:
    mail = Enrolment(Factor.EMAIL, STORED, "Home", "ada@shop.example")
    ways = (Way(Factor.EMAIL, mail, 3_600_001), Way(Factor.TOTP, Enrolment(Factor.TOTP, STORED)), Way(Factor.BACKUP))
    proof = Proof(Factor.EMAIL, 600_001)
    told: Mapping[str, Foresight] = {
        "an open route": Clear(Ease.OPEN),
        "in the window": Clear(Ease.PROOF, Scope.SESSION, proof, 1_199_999, 1_763_769_600_000),
        "tried out": Clear(Ease.NOT_ENFORCED, Scope.ACCOUNT, overruled=Reason.CODE_MISSING),
        "a code is needed": Asks(ways, Requirement(Access.MFA)),
        "no factor": Closed(Reason.NOT_ENROLLED, helpful=(Factor.EMAIL, Factor.TOTP)),
        "banned": Closed(Reason.BANNED, 899_001),
        "denied": Closed(Reason.DENIED),
    }
    asked = Asked("POST", "/mfa/preflight")
    return {name: STANDARD.encode(Foretold(foresight), asked) for name, foresight in told.items()}


def standard_ceremony_errors() -> Replies:
    adding = Asked("POST", "/mfa/factors")
    wrong = {"address": "must be one that codes go to", "a/b": "is not a member that is known here"}
    pointed = {
        f"{member} is wrong": STANDARD.encode(bodies.wrong(member, why), adding) for member, why in wrong.items()
    }
    return {
        **pointed,
        "the body is wrong": STANDARD.encode(
            bodies.wrong("", "must be one JSON object, with each member once"), adding
        ),
        "asked for another code too soon": STANDARD.encode(Failed(Reason.SEND_LIMITED, 29_500), adding),
        "PUT to factors": STANDARD.refuse(Reason.METHOD_NOT_ALLOWED, Asked("PUT", "/mfa/factors")),
        "GET of one factor": STANDARD.refuse(Reason.METHOD_NOT_ALLOWED, Asked("GET", f"/mfa/factors/01{STORED}")),
    }


FILES: Mapping[str, Callable[[], Replies]] = {
    "glue/listing": glue_listing,
    "glue/done": glue_done,
    "glue/errors": glue_errors,
    "glue/errors-at-the-gate": glue_gate,
    "glue/errors-for-the-user-audience": glue_user_audience,
    "glue/retry-after": glue_retry_after,
    "glue/media-types": glue_media_types,
    "glue/method-not-allowed": glue_method_not_allowed,
    "standard/refusals": standard_refusals,
    "standard/step-ups": standard_step_ups,
    "standard/one-occurrence": standard_occurrence,
    "standard/answers": standard_answers,
    "standard/ceremony-errors": standard_ceremony_errors,
    **GIGYA,
    **GIGYA_ACCOUNTS,
    **GIGYA_TFA,
    **ADSERVIO,
    "standard/forecasts": standard_forecasts,
}


@pytest.mark.parametrize("name", FILES)
def test_replies_are_those_of_the_golden_file(name: str, golden: Golden) -> None:
    golden(name, FILES[name]())


def test_no_golden_file_is_left_behind(golden_names: frozenset[str]) -> None:
    assert golden_names == set(FILES)


@pytest.mark.parametrize("form", [GLUE, USER])
@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in OTHERWISE_AT_THE_GATE])
def test_other_errors_read_alike_at_the_gate_and_at_the_endpoints(reason: Reason, form: Glue) -> None:
    at_gate, at_endpoint = form.refuse(reason, GATE), form.refuse(reason, VERIFY)
    assert (at_gate.status, at_gate.body) == (at_endpoint.status, at_endpoint.body)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in OF_AUDIENCE])
def test_other_errors_read_alike_for_both_audiences(reason: Reason) -> None:
    assert GLUE.refuse(reason, GATE) == USER.refuse(reason, GATE)


@pytest.mark.parametrize("reason", Reason)
def test_a_door_and_a_ceremony_refuse_alike_at_an_endpoint(reason: Reason) -> None:
    assert GLUE.refuse(reason, VERIFY) == GLUE.encode(Failed(reason), VERIFY)
