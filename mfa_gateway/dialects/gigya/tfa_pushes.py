"""The methods of devices that answer by themselves: `accounts.tfa.push.*` (spec/gigya.md section 1.6).

Where the contract is silent: a device is called what it says of itself, and one that is enrolled already, or one too
many, is a wrong `deviceInfo`. `isVerified` is the bare envelope until a device has answered. A `regToken` that
comes along says nothing that the assertion does not. What stays out: who may opt in and answer (core.entrance).
"""

import json
from collections.abc import Mapping
from typing import Final

from mfa_gateway.core.account import LONGEST_NAME
from mfa_gateway.core.entrance import Command, Finished, Outcome
from mfa_gateway.core.entrance.pushes import AnswerPush, AskAnswer, OptIn, SendPush
from mfa_gateway.core.push import Device, Platform, is_device_token
from mfa_gateway.dialects.gigya.envelope import Body
from mfa_gateway.dialects.gigya.errors import GigyaError, invalid
from mfa_gateway.dialects.gigya.method import Method, Request, nothing
from mfa_gateway.dialects.gigya.tfa_parts import by_assertion, needed, provider_assertion

# Four times what a device token may have.
_LONGEST_INFO: Final = 4096


def _opt_in(request: Request) -> Command | GigyaError:
    values = needed(request, "gigyaAssertion", "deviceInfo")
    if isinstance(values, GigyaError):
        return values
    assertion, info = values
    device = _device(info)
    return invalid("deviceInfo") if device is None else OptIn(assertion, device)


def _device(text: str) -> Device | None:
    """The device of a `deviceInfo`; None where it is none."""
    if len(text) > _LONGEST_INFO:
        return None
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    match said:
        case {"platform": str(platform), "pushToken": str(token)} if is_device_token(token):
            known = platform.lower() in set(Platform)
            return Device(Platform(platform.lower()), token, _name(said, platform)) if known else None
        case _:
            return None


def _name(said: Mapping[str, object], platform: str) -> str:
    """What its owner reads: who made it, and what runs on it."""
    parts = (said.get("man"), platform, said.get("os"))
    name = " ".join(part for part in parts if isinstance(part, str) and part)
    return "".join(character for character in name if character.isprintable())[:LONGEST_NAME]


def _answer(request: Request) -> Command | GigyaError:
    values = needed(request, "gigyaAssertion", "verificationToken")
    return values if isinstance(values, GigyaError) else AnswerPush(*values)


def _maybe_answered(outcome: Outcome, request: Request) -> Body:
    return Body() if isinstance(outcome, Finished) else provider_assertion(outcome, request)


METHODS: Final = (
    Method("accounts.tfa.push.optin", _opt_in, nothing),
    Method("accounts.tfa.push.sendVerification", by_assertion(SendPush), nothing),
    Method("accounts.tfa.push.isVerified", by_assertion(AskAnswer), _maybe_answered),
    Method("accounts.tfa.push.verify", _answer, provider_assertion),
)
