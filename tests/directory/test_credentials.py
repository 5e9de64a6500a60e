import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.fault import CredentialsUnavailable, Fault, StoreUnavailable
from mfa_gateway.core.login import Known, Renewal, Wrong
from mfa_gateway.directory.credentials import LocalCredentials, RemoteCredentials
from mfa_gateway.directory.hook import Hook, HookTerms
from mfa_gateway.directory.passwords import Comparison, HashCost, Passwords, read_hash
from mfa_gateway.engine.ports import Credentials
from tests.directory.hooks import HANG_UP, SECRET, Question, Reply, System, says

LIMIT = 5.0
CHEAP = HashCost(8, 1, 1)
OTHER = HashCost(16, 1, 1)
ADA = AccountId("shop", "ada")


@dataclass(frozen=True)
class FakeOwner:
    account: AccountId
    password: str | None


@dataclass
class FakeLogins:
    """Login ids and hashes by shape."""

    owners: dict[tuple[str, str], FakeOwner] = field(default_factory=dict)
    renewed: list[tuple[AccountId, str, str]] = field(default_factory=list)
    changed: list[tuple[AccountId, str, str]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    fault: Fault | None = None

    async def owner(self, realm: str, login: str) -> FakeOwner | None:
        self.asked.append((realm, login))
        return self.owners.get((realm, login))

    async def renew_password(self, account: AccountId, *, old: str, new: str) -> None:
        if self.fault is not None:
            raise self.fault
        self.renewed.append((account, old, new))

    async def password_of(self, account: AccountId) -> str | None:
        return next((owner.password for owner in self.owners.values() if owner.account == account), None)

    async def change_password(self, account: AccountId, *, old: str, new: str) -> bool:
        self.changed.append((account, old, new))
        return self.fault is None


async def hashed(password: str, cost: HashCost = CHEAP) -> str:
    passwords = Passwords(cost)
    try:
        return await passwords.hash(password)
    finally:
        passwords.close()


@pytest.fixture
async def logins() -> FakeLogins:
    return FakeLogins({("shop", "ada@example.test"): FakeOwner(ADA, await hashed("hunter2"))})


@pytest.fixture
async def local(logins: FakeLogins) -> AsyncIterator[LocalCredentials]:
    credentials = LocalCredentials(logins, Passwords(CHEAP))
    yield credentials
    await credentials.close()


# --- Kept here --------------------------------------------------------------------------------


async def test_login_id_and_password_that_belong_together_name_the_account(local: LocalCredentials) -> None:
    assert await local.check(realm="shop", login="Ada@Example.test ", password="hunter2") == Known(ADA)


@pytest.mark.parametrize(
    ("realm", "login", "password"),
    [
        ("shop", "ada@example.test", "hunter3"),
        ("shop", "ada@example.test", ""),
        ("shop", "bob@example.test", "hunter2"),
        ("desk", "ada@example.test", "hunter2"),
        ("shop", "", "hunter2"),
        ("shop", "a\x00", "hunter2"),
    ],
)
async def test_everything_else_is_wrong(local: LocalCredentials, realm: str, login: str, password: str) -> None:
    assert await local.check(realm=realm, login=login, password=password) == Wrong()


async def test_an_account_without_a_password_is_nobodys(local: LocalCredentials, logins: FakeLogins) -> None:
    logins.owners["shop", "bob"] = FakeOwner(AccountId("shop", "bob"), None)
    for password in ("", "None", "hunter2"):
        assert await local.check(realm="shop", login="bob", password=password) == Wrong()


async def test_a_hash_of_another_cost_is_made_anew_once_it_matched(local: LocalCredentials, logins: FakeLogins) -> None:
    old = await hashed("hunter2", OTHER)
    logins.owners["shop", "ada@example.test"] = FakeOwner(ADA, old)
    assert await local.check(realm="shop", login="ada@example.test", password="wrong") == Wrong()
    assert logins.renewed == []
    assert await local.check(realm="shop", login="ada@example.test", password="hunter2") == Known(ADA)
    [(account, replaced, new)] = logins.renewed
    assert (account, replaced) == (ADA, old)
    assert read_hash(new) == CHEAP


async def test_a_hash_of_our_own_cost_stays(local: LocalCredentials, logins: FakeLogins) -> None:
    await local.check(realm="shop", login="ada@example.test", password="hunter2")
    assert logins.renewed == []


async def test_nobody_is_turned_away_because_a_hash_could_not_be_made_anew(
    local: LocalCredentials, logins: FakeLogins
) -> None:
    logins.owners["shop", "ada@example.test"] = FakeOwner(ADA, await hashed("hunter2", OTHER))
    logins.fault = StoreUnavailable("read-only")
    assert await local.check(realm="shop", login="ada@example.test", password="hunter2") == Known(ADA)


# --- Another password -------------------------------------------------------------------------


async def test_the_right_password_is_replaced_by_another(local: LocalCredentials, logins: FakeLogins) -> None:
    assert await local.renew(ADA, old="hunter2", new="hunter3") is Renewal.MADE
    [(account, old, new)] = logins.changed
    assert (account, old) == (ADA, logins.owners["shop", "ada@example.test"].password)
    passwords = Passwords(CHEAP)
    assert await passwords.compare("hunter3", new) is Comparison.RIGHT
    passwords.close()


@pytest.mark.parametrize(("old", "new"), [("wrong", "hunter3"), ("hunter2", ""), ("hunter2", "x" * 2000)])
async def test_nothing_replaces_a_password_for_a_wrong_one_or_by_none(
    local: LocalCredentials, logins: FakeLogins, old: str, new: str
) -> None:
    assert await local.renew(ADA, old=old, new=new) is Renewal.STALE
    assert await local.renew(AccountId("shop", "nobody"), old="hunter2", new="hunter3") is Renewal.STALE
    assert logins.changed == []


async def test_a_password_that_was_replaced_meanwhile_stays(local: LocalCredentials, logins: FakeLogins) -> None:
    logins.fault = StoreUnavailable("somebody was faster")
    assert await local.renew(ADA, old="hunter2", new="hunter3") is Renewal.STALE


# --- Known elsewhere --------------------------------------------------------------------------


@pytest.fixture
async def remote(system: System) -> AsyncIterator[RemoteCredentials]:
    terms = HookTerms(system.url, SECRET, LIMIT)
    credentials = RemoteCredentials(terms, Hook(terms))
    yield credentials
    await credentials.close()


async def test_both_fit_the_port(local: LocalCredentials, remote: RemoteCredentials) -> None:
    both: tuple[Credentials, ...] = (local, remote)
    assert len(both) == 2


async def test_the_system_is_asked_with_everything_it_needs(system: System, remote: RemoteCredentials) -> None:
    system.answer = lambda _: says(subject="ada", more=True)
    assert await remote.check(realm="shop", login="Ada ", password="p\u00e4ss") == Known(ADA)
    assert system.forged == []
    [question] = system.questions
    assert question.document == {"realm": "shop", "login": "Ada ", "password": "p\u00e4ss"}


async def test_a_refusal_of_the_system_is_wrong(system: System, remote: RemoteCredentials) -> None:
    system.answer = lambda _: Reply(401)
    assert await remote.check(realm="shop", login="ada", password="x") == Wrong()


Answering = Callable[[Question], Reply]


@pytest.mark.parametrize(
    "reply",
    [
        *(Reply(status) for status in (201, 204, 301, 400, 403, 404, 429, 500, 503)),
        *(Reply(200, body) for body in (b"", b"{}", b'{"subject": 7}', b'{"subject": ""}', b'{"subject": null}')),
        Reply(200, b'{"subject": "a", "subject": "b"}'),
        Reply(200, b'{"subject": "a\\u0000"}'),
        HANG_UP,
    ],
)
async def test_everything_else_is_an_outage_and_is_asked_once(
    system: System, remote: RemoteCredentials, reply: Reply
) -> None:
    system.answer = lambda _: reply
    with pytest.raises(CredentialsUnavailable) as caught:
        await remote.check(realm="shop", login="ada", password="hunter2hunter2")
    assert "hunter2" not in str(caught.value)
    assert len(system.questions) == 1


async def test_the_system_has_so_long_to_answer(system: System) -> None:
    system.held = asyncio.Event()
    terms = HookTerms(system.url, SECRET, 0.05)
    remote = RemoteCredentials(terms, Hook(terms))
    with pytest.raises(CredentialsUnavailable, match="in time"):
        await remote.check(realm="shop", login="ada", password="x")
    await remote.close()


@pytest.mark.parametrize(
    ("login", "password"),
    [("ada", "\ud800"), ("ada", ""), ("ada", "x" * 5000), ("a\x00", "x"), ("", "x"), ("a" * 256, "x")],
)
async def test_what_nobody_is_called_and_nobody_types_is_wrong_and_not_asked_about(
    system: System, remote: RemoteCredentials, login: str, password: str
) -> None:
    assert await remote.check(realm="shop", login=login, password=password) == Wrong()
    assert system.questions == []


async def test_another_password_is_told_to_nobody_else(remote: RemoteCredentials, system: System) -> None:
    assert await remote.renew(ADA, old="hunter2", new="hunter3") is Renewal.ELSEWHERE
    assert system.questions == []
