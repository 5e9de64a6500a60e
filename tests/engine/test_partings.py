"""Partings: an issuer's word is acted on once, and what cannot be acted on now is not used up."""

from dataclasses import dataclass, field

import pytest

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.fault import Fault, IdentityUnavailable, StoreUnavailable
from mfa_gateway.core.logout import Farewell, Heard, Hearsay, Parting
from mfa_gateway.engine.partings import Partings
from tests.engine.fakes import Lines, call

WORD = Farewell(AccountId("shop", "anna@shop.test"), "https://idp.test", "secret-id", life_ms=60_000)


@dataclass
class World:
    """An issuer that says what it is told to, and a store that remembers."""

    said: Farewell | Hearsay | Fault = WORD
    fault: StoreUnavailable | None = None
    ended: list[Farewell] = field(default_factory=list)

    async def hear_farewell(self, token: str, *, request_id: str = "") -> Farewell | Hearsay:
        assert (token, request_id) == ("the token", "id-1")
        if isinstance(self.said, Fault):
            raise self.said
        return self.said

    async def bid_farewell(self, farewell: Farewell) -> Heard:
        if self.fault is not None:
            raise self.fault
        self.ended.append(farewell)
        return Heard.FIRST if self.ended.count(farewell) == 1 else Heard.AGAIN


async def told(world: World, lines: Lines) -> Parting:
    return await Partings(issuers=world, store=world, journal=lines.journal).part("the token", call())


async def test_a_word_is_acted_on_and_audited(lines: Lines) -> None:
    world = World()
    assert await told(world, lines) is Parting.DONE
    assert world.ended == [WORD]
    assert (lines.only["event"], lines.only["audit"], lines.only["realm"]) == (
        "logged out by the issuer",
        True,
        "shop",
    )
    assert lines.only["subject"] == "a***@shop.test"
    assert "secret-id" not in str(lines.all)


async def test_the_same_word_again_is_a_warning(lines: Lines) -> None:
    world = World()
    await told(world, lines)
    assert await told(world, lines) is Parting.REPEATED
    assert lines.all[-1]["log_level"] == "warning"


@pytest.mark.parametrize(
    ("said", "parting"),
    [(Hearsay("wrong"), Parting.REFUSED), (Hearsay("no sub", is_nameless=True), Parting.NAMELESS)],
)
async def test_hearsay_ends_nothing(lines: Lines, said: Hearsay, parting: Parting) -> None:
    world = World(said)
    assert await told(world, lines) is parting
    assert world.ended == []


@pytest.mark.parametrize(
    "world", [World(IdentityUnavailable("no keys")), World(fault=StoreUnavailable("away"))], ids=["keys", "store"]
)
async def test_what_cannot_be_acted_on_now_may_come_again(lines: Lines, world: World) -> None:
    assert await told(world, lines) is Parting.POSTPONED
    assert world.ended == []
    assert lines.only["event"] == "fault"
