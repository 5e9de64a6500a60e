"""A store in memory, and ways to bring lines into it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from mfa_gateway.cli.people.bringing import Bringer, Count
from mfa_gateway.cli.people.seen import Seen
from mfa_gateway.directory.passwords import HashCost, Passwords
from mfa_gateway.state import Store, StoreSettings, prepare_store

KEY = bytes(range(32))
Bring = Callable[..., Awaitable[Count]]


def line(subject: str = "ada", **keys: object) -> dict[str, object]:
    return {"realm": "shop", "subject": subject, **keys}


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    made = prepare_store(StoreSettings("memory://", (KEY,), timeout=10.0, connect_timeout=10.0))
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def bring(store: Store) -> AsyncIterator[Bring]:
    """Bring the lines of one file in, given as objects or as bytes."""
    # The least that Argon2 allows.
    passwords = Passwords(HashCost(8, 1, 1), waiting=1000)

    async def bringing(*lines: dict[str, object] | bytes) -> Count:
        seen, count = Seen(), Count()
        raw = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines]
        bringer = Bringer(store.ledger, passwords, seen, frozenset({"shop", "desk"}))
        for number, result in await bringer.bring(list(enumerate(raw, 1))):
            count.add(number, result)
        seen.close()
        return count

    yield bringing
    passwords.close()
