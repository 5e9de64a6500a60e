"""The methods of second factors as a whole: `accounts.tfa.*` (spec/gigya.md section 1.1).

A device that answers has to opt in with a session, so `gigyaPush` is told as pending until it has, and never among the
inactive ones that a login could register. What stays out: single providers (tfa_codes, tfa_authenticators, tfa_pushes),
and who may do what to a factor (core.entrance).
"""

import json
from collections.abc import Mapping
from typing import Final

from mfa_gateway.core.account import LEVELS, MOST_ENROLMENTS, Factor
from mfa_gateway.core.entrance import Command, Outcome
from mfa_gateway.core.entrance.assertions import NAMES, Mode
from mfa_gateway.core.entrance.second_changes import BringPhones, DropFactor, ForgetDevices, ResetFactors
from mfa_gateway.core.entrance.second_outcomes import CertificateTold, FactorsTold
from mfa_gateway.core.entrance.tfa import BeginSecond, FinishSecond, TellCertificate, TellFactors
from mfa_gateway.core.site import PROVIDERS
from mfa_gateway.dialects.gigya.envelope import Body
from mfa_gateway.dialects.gigya.errors import GigyaError, invalid
from mfa_gateway.dialects.gigya.method import SERVERS, Method, Request, not_mine, nothing
from mfa_gateway.dialects.gigya.tfa_parts import dialled, needed, token_of

_NOT_SUPPORTED: Final = 400096
_NO_PROVIDERS: Final = 400100
# A provider of the contract that nothing here stands behind.
_LEGACY: Final = "livelink"
_LONGEST_CONTEXT: Final = 2048


def _get_providers(request: Request) -> Command:
    return TellFactors(request.bag.get("regToken"), request.bag.get("UID"))


def _providers(outcome: Outcome, request: Request) -> Body:
    del request
    if not isinstance(outcome, FactorsTold):
        raise not_mine(outcome)
    inactive = tuple(factor for factor in outcome.inactive if factor is not Factor.PUSH)
    pending = tuple(factor for factor in outcome.inactive if factor is Factor.PUSH)
    told = {"activeProviders": outcome.active, "inactiveProviders": inactive, "pendingOptin": pending}
    return Body({name: [_provider(factor) for factor in factors] for name, factors in told.items()})


def _provider(factor: Factor) -> dict[str, object]:
    told: dict[str, object] = {"name": NAMES[factor], "authLevel": LEVELS[factor]}
    return told | {"capabilities": ["sms"]} if factor is Factor.SMS else told


def _factor(request: Request) -> Factor | GigyaError:
    name = request.bag.need("provider")
    if isinstance(name, GigyaError):
        return name
    if name == _LEGACY:
        return GigyaError(_NOT_SUPPORTED)
    return PROVIDERS.get(name) or invalid("provider")


def _init(request: Request) -> Command | GigyaError:
    factor, mode = _factor(request), request.bag.get("mode", Mode.REGISTER)
    if isinstance(factor, GigyaError):
        return factor
    if mode not in set(Mode):
        return invalid("mode")
    if len(request.bag.get("clientContext")) > _LONGEST_CONTEXT:
        return invalid("clientContext")
    return BeginSecond(factor, Mode(mode), request.bag.get("regToken"), request.bag.get("UID"))


def _gigya_assertion(outcome: Outcome, request: Request) -> Body:
    del request
    return Body({"gigyaAssertion": token_of(outcome)})


def _finalize(request: Request) -> Command | GigyaError:
    assertion, answer = request.bag.need("gigyaAssertion"), request.bag.need("providerAssertion")
    if isinstance(assertion, GigyaError):
        return assertion
    if isinstance(answer, GigyaError):
        return answer
    is_temporary = request.bag.flag("tempDevice")
    if isinstance(is_temporary, GigyaError):
        return is_temporary
    return FinishSecond(assertion, answer, not is_temporary, request.bag.get("regToken"), request.bag.get("UID"))


def _get_certificate(request: Request) -> Command:
    del request
    return TellCertificate()


def _certificate(outcome: Outcome, request: Request) -> Body:
    del request
    if not isinstance(outcome, CertificateTold):
        raise not_mine(outcome)
    return Body({"certificate": outcome.pem})


# --- Beside a login ---------------------------------------------------------------------------


def _deactivate(request: Request) -> Command | GigyaError:
    factor = _factor(request)
    return factor if isinstance(factor, GigyaError) else DropFactor(factor, request.bag.get("UID"))


def _reset(request: Request) -> Command | GigyaError:
    uid, name = request.bag.need("UID"), request.bag.get("provider")
    if isinstance(uid, GigyaError):
        return uid
    if name and name not in PROVIDERS:
        return GigyaError(_NO_PROVIDERS)
    return ResetFactors(uid, PROVIDERS.get(name))


def _import(request: Request) -> Command | GigyaError:
    values = needed(request, "UID", "provider", "phones")
    if isinstance(values, GigyaError):
        return values
    uid, provider, phones = values
    if PROVIDERS.get(provider) is not Factor.SMS:
        return GigyaError(_NO_PROVIDERS)
    numbers = _numbers(phones)
    return invalid("phones") if numbers is None else BringPhones(uid, numbers)


def _numbers(text: str) -> tuple[str, ...] | None:
    """The numbers of a list as it is sent; None where it is none."""
    try:
        phones = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(phones, list) or not 0 < len(phones) <= MOST_ENROLMENTS:
        return None
    numbers = [_number_of(phone) for phone in phones]
    found = tuple(number for number in numbers if number is not None)
    return found if len(found) == len(numbers) else None


def _number_of(phone: object) -> str | None:
    """One number; two sources of the contract have two names for it (spec/gigya.md section 1.1)."""
    if not isinstance(phone, Mapping) or phone.get("method", "sms") not in ("sms", "voice"):
        return None
    number = phone.get("phoneNumber", phone.get("phone"))
    return dialled(number) if isinstance(number, str) else None


def _unregister(request: Request) -> Command | GigyaError:
    every = request.bag.flag("allDevices")
    return every if isinstance(every, GigyaError) else ForgetDevices(request.bag.get("UID"))


METHODS: Final = (
    Method("accounts.tfa.getProviders", _get_providers, _providers),
    Method("accounts.tfa.initTFA", _init, _gigya_assertion),
    Method("accounts.tfa.finalizeTFA", _finalize, nothing),
    Method("accounts.tfa.getCertificate", _get_certificate, _certificate),
    Method("accounts.tfa.phone.getCertificate", _get_certificate, _certificate),
    Method("accounts.tfa.deactivateProvider", _deactivate, nothing),
    Method("accounts.tfa.resetTFA", _reset, nothing, SERVERS),
    Method("accounts.tfa.importTFA", _import, nothing, SERVERS),
    Method("accounts.tfa.phone.importTFA", _import, nothing, SERVERS),
    Method("accounts.tfa.unregisterDevice", _unregister, nothing),
)
