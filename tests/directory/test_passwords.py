import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest
from argon2 import PasswordHasher
from argon2.low_level import Type

from mfa_gateway.core.fault import CredentialsUnavailable
from mfa_gateway.directory import passwords as room
from mfa_gateway.directory.passwords import (
    MAX_PASSWORD_BYTES,
    OWN_COST,
    Comparison,
    HashCost,
    Passwords,
    read_hash,
)

LIMIT = 10.0
# The least that Argon2 allows: what matters here is who is compared with what.
CHEAP = HashCost(8, 1, 1)
PHC = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(CHEAP)
    yield made
    made.close()


# --- Hashes that are brought along ------------------------------------------------------------


def test_a_hash_of_ours_is_read() -> None:
    assert read_hash(PHC) == OWN_COST == HashCost(19_456, 2, 1)


def test_a_hash_of_the_reference_library_is_read() -> None:
    assert read_hash(PasswordHasher().hash("hunter2")) == HashCost(65_536, 3, 4)


@pytest.mark.parametrize(
    "text",
    [
        PHC.replace("argon2id", "argon2i"),
        PHC.replace("argon2id", "argon2d"),
        PHC.replace("v=19", "v=16"),
        PHC.replace("$v=19", ""),
        PHC.replace("m=19456,t=2", "t=2,m=19456"),
        PHC.replace("p=1", "p=1,keyid=AAAA"),
        PHC.replace("t=2", "t=0"),
        PHC.replace("t=2", "t=02"),
        PHC.replace("m=19456", "m=-1"),
        PHC + "\n",
        PHC + "$",
        PHC.rsplit("$", 1)[0],
        "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        "",
        "hunter2",
        None,
        7,
    ],
)
def test_what_is_no_argon2id_hash_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is no Argon2id hash"):
        read_hash(text)


@pytest.mark.parametrize(
    "parameters",
    ["m=262145,t=1,p=1", "m=999999999,t=1,p=1", "m=262144,t=5,p=1", "m=8,t=131073,p=1", "m=8,t=999999,p=1"],
)
def test_a_hostile_hash_is_refused_before_it_costs_anything(parameters: str) -> None:
    with pytest.raises(ValueError, match="costs more than is compared here"):
        read_hash(PHC.replace("m=19456,t=2,p=1", parameters))


@pytest.mark.parametrize("parameters", ["m=19456,t=2,p=17", "m=7,t=2,p=1", "m=64,t=2,p=9"])
def test_lanes_have_to_fit(parameters: str) -> None:
    with pytest.raises(ValueError, match="8 KiB of memory for each lane"):
        read_hash(PHC.replace("m=19456,t=2,p=1", parameters))


@pytest.mark.parametrize("parameters", ["m=262144,t=4,p=16", "m=65536,t=3,p=4", "m=47104,t=1,p=1", "m=7168,t=5,p=1"])
def test_what_is_recommended_may_be_brought_along(parameters: str) -> None:
    read_hash(PHC.replace("m=19456,t=2,p=1", parameters))


@pytest.mark.parametrize("salt", ["c2FsdA", "c2FsdHNhbHRzYWx0c2FsdB", "A" * 128, "c2FsdHNhbHRzYWx0c2Fsd"])
def test_a_salt_has_a_usual_length_and_one_spelling(salt: str) -> None:
    with pytest.raises(ValueError, match="unusual length"):
        read_hash(PHC.replace("c2FsdHNhbHRzYWx0c2FsdA", salt))


def test_an_error_never_repeats_the_hash() -> None:
    with pytest.raises(ValueError, match="is no Argon2id hash") as caught:
        read_hash("hunter2hunter2")
    assert "hunter2hunter2" not in str(caught.value)


# --- Comparing --------------------------------------------------------------------------------


async def test_a_password_matches_its_own_hash_alone(passwords: Passwords) -> None:
    phc = await passwords.hash("hunter2")
    assert await passwords.compare("hunter2", phc) is Comparison.RIGHT
    assert await passwords.compare("hunter3", phc) is Comparison.WRONG
    assert await passwords.compare("hunter2 ", phc) is Comparison.WRONG
    assert await passwords.compare("", phc) is Comparison.WRONG


async def test_two_hashes_of_one_password_differ(passwords: Passwords) -> None:
    assert await passwords.hash("hunter2") != await passwords.hash("hunter2")


async def test_a_hash_of_another_cost_matches_and_is_old(passwords: Passwords) -> None:
    phc = PasswordHasher(time_cost=2, memory_cost=16, parallelism=2, type=Type.ID).hash("hunter2")
    assert await passwords.compare("hunter2", phc) is Comparison.RIGHT_BUT_OLD
    assert await passwords.compare("hunter3", phc) is Comparison.WRONG


async def test_nobody_matches_the_decoy(passwords: Passwords) -> None:
    for guess in ("", "hunter2", passwords._decoy):
        assert await passwords.compare(guess, None) is Comparison.WRONG


async def test_every_character_counts(passwords: Passwords) -> None:
    phc = await passwords.hash("p\u00e4ss\U0001f600")
    assert await passwords.compare("p\u00e4ss\U0001f600", phc) is Comparison.RIGHT
    assert await passwords.compare("pa\u0308ss\U0001f600", phc) is Comparison.WRONG


@pytest.mark.parametrize("password", ["", "x" * (MAX_PASSWORD_BYTES + 1), "\u20ac" * 400, "\ud800"])
async def test_what_nobody_can_have_is_wrong_and_never_hashed(passwords: Passwords, password: str) -> None:
    assert await passwords.compare(password, await passwords.hash("hunter2")) is Comparison.WRONG
    with pytest.raises(ValueError, match="must have 1 to"):
        await passwords.hash(password)


async def test_a_hash_of_nothing_lets_nobody_in(passwords: Passwords) -> None:
    nothing = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("")
    for password in ("", "\ud800", "x" * 5000):
        assert await passwords.compare(password, nothing) is Comparison.WRONG


async def test_the_longest_password_is_one(passwords: Passwords) -> None:
    longest = "x" * MAX_PASSWORD_BYTES
    assert await passwords.compare(longest, await passwords.hash(longest)) is Comparison.RIGHT


# --- What it costs ----------------------------------------------------------------------------


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> list[HashCost]:
    """The cost of every comparison that takes place."""
    found: list[HashCost] = []
    compare: Callable[[bytes, str], bool] = room._matches

    def watched(secret: bytes, phc: str) -> bool:
        found.append(read_hash(phc))
        return compare(secret, phc)

    monkeypatch.setattr(room, "_matches", watched)
    return found


async def test_who_is_unknown_costs_what_a_known_person_costs(passwords: Passwords, costs: list[HashCost]) -> None:
    known = await passwords.hash("hunter2")
    for password, phc in (("hunter2", known), ("wrong", known), ("hunter2", None), ("", known), ("\ud800", None)):
        await passwords.compare(password, phc)
    assert costs == [CHEAP] * 5


async def test_comparing_does_not_hold_up_the_event_loop(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def watched(_: bytes, __: str) -> bool:
        threads.append(threading.current_thread())
        return False

    monkeypatch.setattr(room, "_matches", watched)
    await passwords.compare("hunter2", None)
    assert threads[0] is not threading.main_thread()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Holds every comparison back until it is set."""
    gate = threading.Event()
    monkeypatch.setattr(room, "_matches", lambda _secret, _phc: gate.wait(LIMIT) and False)
    yield gate
    gate.set()


async def test_there_is_a_most_for_what_waits(held: threading.Event) -> None:
    passwords = Passwords(CHEAP, threads=1, waiting=2)
    waiting = [asyncio.ensure_future(passwords.compare("x", None)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(CredentialsUnavailable, match="too many"):
        await passwords.compare("x", None)
    held.set()
    assert await asyncio.gather(*waiting) == [Comparison.WRONG] * 3
    assert await passwords.compare("x", None) is Comparison.WRONG
    passwords.close()


async def test_a_caller_that_leaves_frees_no_place_before_its_work_is_done(held: threading.Event) -> None:
    passwords = Passwords(CHEAP, threads=1, waiting=0)
    leaving = asyncio.ensure_future(passwords.compare("x", None))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    with pytest.raises(CredentialsUnavailable):
        await passwords.compare("x", None)
    held.set()
    passwords.close()


async def test_a_machine_without_memory_says_nothing_about_the_password(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = await passwords.hash("hunter2")
    broken = known.replace("m=8", "m=7")
    with pytest.raises(CredentialsUnavailable, match="cannot be compared now"):
        await passwords.compare("hunter2", broken)
