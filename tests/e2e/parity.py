"""Parity: one gateway and one API behind every door, accounts in each state, and the table played through a door.

    world = …                       one per module
    await world.play(door, port)    the table, row by row; what was not as written, in words

What stays out: what is written (calls).
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyotp

from tests.e2e.backend import Backend, backend
from tests.e2e.calls import RULES, TABLE
from tests.e2e.front import put_behind, rewrite
from tests.e2e.installation import Installation, Seen
from tests.e2e.rows import HOST, Outcome, Row, Who
from tests.e2e.wire import DEADLINE, Answer, Client

# Clients are no trusted proxies: they come from another address of this machine.
CLIENT = "127.0.0.3"
_CASE = "X-Case"
# Accounts of these are used up by one row.
_SPENDING = (b"<code>", b"<wrong>", b"<digits>", b"X-MFA-Code: ")
# What no API may be shown: a field of these rows behind a body.
_TRAILER = b"\r\n0\r\nX"
# `regulation.max_retries` of the default.
_TRIES = 5


@dataclass
class World:
    """A gateway, an API, and people with authenticators."""

    installation: Installation
    api: Backend
    secret: str = field(default_factory=pyotp.random_base32)
    _codes: pyotp.TOTP = field(init=False)

    def __post_init__(self) -> None:
        self._codes = pyotp.TOTP(self.secret)

    @property
    def port(self) -> int:
        return self.installation.port

    @property
    def lines(self) -> list[str]:
        """What the gateway has logged."""
        return self.installation.log.splitlines()

    # --- People ---

    def people(self, doors: Iterable[str]) -> str:
        """A file of accounts: what becomes of them is in their names."""
        accounts = [self._account(who, name) for who, name in _named(doors)]
        return "".join(json.dumps(account) + "\n" for account in accounts if account is not None)

    def _account(self, who: Who, subject: str) -> dict[str, object] | None:
        account: dict[str, object] = {"realm": "shop", "subject": subject}
        totp = {"type": "totp", "state": "active", "secret": self.secret}
        match who:
            case Who.STRANGER:
                return None
            case Who.BARE:
                return account
            case Who.DISABLED:
                return account | {"disabled": True}
            case Who.ENROLLED | Who.PROVEN | Who.BANNED:
                return account | {"factors": [totp]}

    async def prepare(self, doors: Iterable[str]) -> None:
        """Open the windows of those who have one, and ban those who are banned."""
        for who, name in _named(doors):
            if who is Who.PROVEN:
                await self._prove(name)
            elif who is Who.BANNED:
                await self._ban(name)

    async def _prove(self, subject: str) -> None:
        done = await self.installation.call(
            "GET", "/protected", token=self._token(subject), code=self._codes.now(), headers={"Host": HOST}
        )
        assert done.status_code == 200, (subject, done.text)

    async def _ban(self, subject: str) -> None:
        for _ in range(_TRIES):
            await self.installation.call(
                "GET", "/protected", token=self._token(subject), code=self._wrong(), headers={"Host": HOST}
            )

    def _token(self, subject: str) -> str:
        return self.installation.token(subject)

    def _wrong(self) -> str:
        """A code of no step around now."""
        now = time.time()
        good = {self._codes.at(now + 30 * step) for step in range(-3, 4)}
        return next(code for code in (f"{n:06}" for n in range(10)) if code not in good)

    # --- Rows ---

    def _words(self, row: Row, door: str, number: int) -> bytes:
        subject = f"{row.who}-{door}-{number}" if _spends(row) else f"{row.who}-{door}"
        token = self._token(subject)
        words = {
            "<bearer>": f"Authorization: Bearer {token}",
            "<token>": token,
            "<cut>": token[:-3],
            "<other>": self._token(f"{Who.PROVEN}-{door}"),
            "<code>": f"X-MFA-Code: {self._codes.now()}",
            "<digits>": self._codes.now(),
            "<wrong>": f"X-MFA-Code: {self._wrong()}",
        }
        sends = row.sends
        for word, meaning in words.items():
            sends = sends.replace(word.encode(), meaning.encode())
        head, _, rest = sends.partition(b"\r\n")
        return b"%b\r\n%b: %d\r\n%b" % (head, _CASE.encode(), number, rest)

    async def play(self, door: str, port: int, differs: Mapping[str, Outcome] | None = None) -> list[str]:
        """Send every row through a door. What was not as it is written, in words.

        `differs`: rows by name that have another outcome there.
        """
        wrong, own = [], differs or {}
        for number, row in enumerate(TABLE):
            self.api.seen.clear()
            answer = await ask(port, self._words(row, door, number), is_head=row.sends.startswith(b"HEAD "))
            seen = [seen for seen in self.api.seen if seen.values(_CASE.lower()) == [str(number)]]
            wrong += [f"{row.name}: {fault}" for fault in _faults(row, own.get(row.name, row.at(door)), answer, seen)]
            wrong += [f"{row.name}: showed the API fields behind a body"] * (_TRAILER in self.api.received)
        return wrong


def _spends(row: Row) -> bool:
    return any(word in row.sends for word in _SPENDING)


def _named(doors: Iterable[str]) -> Iterable[tuple[Who, str]]:
    """Everybody there has to be: one of each kind for each door, and one for each row that uses them up."""
    for door in doors:
        yield from ((who, f"{who}-{door}") for who in Who)
        yield from ((row.who, f"{row.who}-{door}-{n}") for n, row in enumerate(TABLE) if _spends(row))


def _faults(row: Row, outcome: Outcome, answer: Answer | None, seen: list[Seen]) -> Iterable[str]:
    status = answer.status if answer is not None else 0
    codes = answer.values("x-mfa-error-code") if answer is not None else []
    if outcome.target is None:
        if seen:
            yield f"reached the API as {seen[0].method} {seen[0].target}, status {status} {codes}"
        elif 0 < status < 400:
            yield f"was answered with {status}"
        elif codes != ([outcome.code] if outcome.code else []):
            yield f"says {codes} {status} in place of {outcome.code}"
        return
    if [one.target for one in seen] != [outcome.target]:
        yield f"reached the API as {[one.target for one in seen]}, status {status} {codes}"
        return
    method = row.sends.partition(b" ")[0].decode()
    if (seen[0].method, status) != (method, 200):
        yield f"reached the API with {seen[0].method}, status {status}"
    yield from _hygiene(row, seen[0])


def _hygiene(row: Row, seen: Seen) -> Iterable[str]:
    """What the API has to see, and what it must not, of any call."""
    for name, value in {**row.given, "x-mfa-code": None}.items():
        found = seen.values(name)
        # RFC 6265 section 5.4: some join cookies, some do not, and applications read both alike.
        found = ["; ".join(found)] if name == "cookie" and found else found
        if found != ([value] if value is not None else []):
            yield f"showed the API {name}: {found}"
    if any(protocol.lower() != "websocket" for protocol in seen.values("upgrade")):
        yield f"asks the API for an upgrade to {seen.values('upgrade')}"
    if b"<bearer>" in row.sends and len(seen.values("authorization")) != 1:
        yield f"showed the API {len(seen.values('authorization'))} tokens"
    body = row.sends.partition(b"\r\n\r\n")[2]
    if seen.body != (b"hello" if b"chunked" in row.sends else body):
        yield f"showed the API a body of {len(seen.body)} bytes"


async def ask(port: int, sends: bytes, *, is_head: bool = False) -> Answer | None:
    """The answer to a client of no proxy; None where the connection ends without one."""
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(CLIENT, 0))
        client = Client(reader, writer)
        try:
            return await client.ask(sends, to_head=is_head)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        finally:
            client.leave()


@asynccontextmanager
async def world_of(folder: Path, doors: Iterable[str], *, more: str = "") -> AsyncIterator[World]:
    """Everything that a door stands between. `more` of the gateway's configuration."""
    names = tuple(doors)
    async with backend() as api, Installation(folder, rules=RULES, more=more) as installation:
        put_behind(installation, api.port)
        rewrite(
            installation, "directory: {source: claims}", "directory: {source: store}\nfactors: {totp: {enabled: true}}"
        )
        world = World(installation, api)
        file = folder / "people.ndjson"
        file.write_text(world.people(names))
        await installation.run("accounts", "import", str(file))
        await installation.start()
        await world.prepare(names)
        yield world
