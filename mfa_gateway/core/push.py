"""Push: devices that are sent a message and answer it by themselves, and the tokens that they answer with.

Theory. A device proves itself by a token that was sent to it and to nobody else: 256 random bits, kept like any code as
a keyed digest, one at a time, for two minutes, spent by the store's one script. What is kept is bound to the assertion
that it was sent for (`Summons`), so a token that belongs to one login answers no other, even of the same account. The
page that waits for the answer never sees the token.

What stays out: when something is sent and who may answer (entrance), and how it travels (senders).
"""

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from mfa_gateway.core.proof import Purpose

# As many bits as the digest has that is kept of it.
TOKEN_BYTES: Final = 32
# spec/gigya.md section 1.6: clients wait for two minutes at most. Whoever answers later answers nobody.
SUMMONS_MS: Final = 120_000

# Long enough for the names that the push services of the platforms give to devices; they promise no length.
_DEVICE: Final = re.compile(r"[\x21-\x7e]{8,1024}", re.ASCII)
_TOKEN: Final = re.compile(r"(gate|activate)\.[A-Za-z0-9_-]{43}", re.ASCII)


class Platform(StrEnum):
    """Whose push service reaches a device."""

    ANDROID = "android"
    IOS = "ios"


@dataclass(frozen=True, slots=True)
class Device:
    """Where a push goes: a platform, and what its push service calls the device. `name` is for people."""

    platform: Platform
    token: str = field(repr=False)
    name: str = ""

    @property
    def address(self) -> str:
        """The same in one text, as it is pinned."""
        return f"{self.platform.value}:{self.token}"


def device_at(address: str) -> Device:
    """The device that was pinned.

    Raises:
        ValueError: it is of a platform that nobody knows.
    """
    platform, _, token = address.partition(":")
    return Device(Platform(platform), token)


def is_device_token(text: str) -> bool:
    """Whether a push service could call a device this."""
    return _DEVICE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Summons:
    """What an answer is to be given to: an assertion, which the device brings back, and its id.

    `others`: the ids of further devices that are sent the same; whichever is first answers for all.
    """

    assertion: str = field(repr=False)
    jti: str
    others: tuple[str, ...] = ()

    def kept(self, token: str) -> str:
        """What is kept of a token, and compared: with another assertion it is another code."""
        return f"{token} {self.jti}"


def new_token(purpose: Purpose, drawn: bytes) -> str:
    """The token of what was drawn. It says what it is for, since its bearer does not know."""
    return f"{purpose.value}.{urlsafe_b64encode(drawn).rstrip(b'=').decode('ascii')}"


def purpose_of(token: str) -> Purpose | None:
    """What a token says that it is for; None for what cannot be one."""
    found = _TOKEN.fullmatch(token)
    return None if found is None else Purpose(found[1])
