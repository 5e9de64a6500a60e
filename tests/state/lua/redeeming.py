"""What `redeem` is given, with a name for each, and an account with one address whose code is live."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mfa_gateway.state.scripts import REDEEM
from tests.state.lua.desk import NOW, Desk

EPOCH: Final = "3"
MOST, WINDOW, BAN, LONGEST = 3, 1_000, 2_000, 7_000
KNOWN, REMEMBERED, RECENT, DAY = 80_000, 90_000, 40_000, 50_000
KEEP: Final = 30_000
MOST_A_DAY: Final = 6

# Where the day of all attempts and its number go changes from time to time: here and nowhere else.
FIRST_KEYS: Final = (
    *("account", "proofs", "known", "own attempts", "own bans", "attempts", "bans", "set", "short", "session"),
    *("own daily", "daily"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One factor in which the presented code is looked for."""

    name: str = "email"
    fingerprint: str = "f1"
    digest: str = "d1"
    candidates: Sequence[tuple[int, str, str]] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Its recent fingerprints, and live codes of two purposes."""
        return (f"{self.name} recent", f"{self.name} code", f"{self.name} other")

    @property
    def words(self) -> list[str | int]:
        """What is told of it."""
        told: list[str | int] = [self.name, self.fingerprint, self.digest, len(self.candidates)]
        return told + [word for candidate in self.candidates for word in candidate]


@dataclass(frozen=True, slots=True)
class Redeeming:
    """A presented code. `ride` is the age that a proof has to be below, `tries` those of a short code."""

    factors: Sequence[Asked] = field(default=(Asked(),))
    effect: str = "open"
    target: str = ""
    ride: int = -1
    of_token: str = ""
    epoch: str = EPOCH
    has_session: bool = False
    enrolment: str = ""
    tries: int = 0
    last_keys: Sequence[str] = ()

    async def on(self, desk: Desk) -> Any:
        """What comes of it."""
        keys = (*FIRST_KEYS, *(key for factor in self.factors for key in factor.keys), *self.last_keys)
        words: list[str | int] = [self.epoch, self.effect, self.target, self.ride, self.of_token, "aa", KEEP]
        words += [MOST, WINDOW, BAN, LONGEST, "1" if self.has_session else "", KNOWN, REMEMBERED, 2, RECENT]
        words += [2, len(self.factors), self.enrolment, self.tries, 3, DAY, MOST_A_DAY]
        words += [word for factor in self.factors for word in factor.words]
        return await desk.run(REDEEM, keys, *words)


async def furnish(desk: Desk, **fields: str) -> None:
    """An account that has two addresses and is in an epoch."""
    await desk.put("account", {"epoch": EPOCH, "email": "active", "email:sealed": "0a:AA 0b:BB", **fields})


async def send(
    desk: Desk,
    digest: str = "d1",
    fingerprint: str = "f1",
    *,
    key: str = "email code",
    epoch: str = EPOCH,
    enrolment: str = "",
) -> None:
    """A code that is live for a second, and recent."""
    await desk.ask("SET", key, f"{digest}:{fingerprint}:{epoch}:{NOW}:1000:{enrolment}")
    await desk.ask("LPUSH", f"{key.split(maxsplit=1)[0]} recent", fingerprint)
