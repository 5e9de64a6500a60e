"""Where the attacks take place: a gateway of two workers on a real Valkey, people, and an API that keeps every byte.

    /protected, /api/protected, /odd/protected and below, /customers/{id}/password   a second factor, per session
    PATCH /patched, GET /read                                                  the same, for one method alone
    closed.test                                                                the same everywhere but at /public
    everything else                                                            open

What stays out: what is sent (the tests), and what must not have been seen (witness).
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.attacks.witness import faults
from tests.e2e.backend import Backend, backend, honest
from tests.e2e.front import Front, bearer, rewrite
from tests.e2e.installation import Installation
from tests.e2e.valkey import Valkey
from tests.e2e.wire import Answer, Client, request

RULES = """
access_control:
  default_policy: open
  rules:
    - name: protected
      paths: ["/protected/**", "/api/protected/**", "/odd/protected/**"]
      policy: mfa
      dialect: glue
      scope: session
    - {name: feed, hosts: [gw.test, "127.0.0.1"], paths: ["/feed"], policy: mfa, dialect: glue, grace: 0s}
    - {name: customers, hosts: [gw.test, "127.0.0.1"], paths: ["/customers/{id}"], policy: open}
    - {name: passwords, paths: ["/customers/{id}/password"], policy: mfa, dialect: glue, scope: session}
    - {name: changing, methods: [PATCH], paths: ["/patched"], policy: mfa, dialect: glue, scope: session}
    - {name: reading, methods: [GET], paths: ["/read"], policy: mfa, dialect: glue, scope: session}
    - {name: closed, hosts: [closed.test], paths: ["/**"], policy: mfa, dialect: glue, scope: session}
    - {name: closed-public, hosts: [closed.test], paths: ["/public/**"], policy: open}
    - {name: hosted, hosts: [a.gw.test], paths: ["/hosted"], policy: mfa, dialect: glue, scope: session}
"""
UPSTREAMS = """upstream:
  - {{url: "http://127.0.0.1:{port}"}}
  - {{url: "http://127.0.0.1:{port}", prefix: /api, strip_prefix: true}}
  - {{url: "http://127.0.0.1:{port}", prefix: /odd, odd_targets: strictest}}
"""
MORE = """
workers: 2
cors: {origins: ["https://shop.test"]}
dialects: {gigya: {enabled: true, prefix: /gigya, jsonp: true, sites: [{api_key: 3_KEY, realm: shop}]}}
"""
# So that the variations are the same in every run.
SEED = 8


def dice(row: str) -> random.Random:
    """The choices of one generator."""
    return random.Random(f"{SEED}/{row}")


@dataclass(frozen=True)
class Person:
    """Somebody with a factor. `home` is the token they enrolled with, `token` one of a session that showed nothing."""

    name: str
    home: str = field(repr=False)
    token: str = field(repr=False)

    @property
    def bearer(self) -> str:
        return bearer(self.token)


@dataclass
class Ground:
    """A gateway that runs."""

    front: Front
    ada: Person
    """Her session at home has shown a factor for what is protected, the other one has not."""

    @property
    def api(self) -> Backend:
        return self.front.api

    @property
    def installation(self) -> Installation:
        return self.front.installation

    async def person(self, name: str) -> Person:
        """Somebody else of that kind."""
        return await _enrolled(self.installation, name)

    async def code(self, person: Person) -> str:
        """A code that is good for this person now."""
        return await self.installation.fresh_code(person.token)

    # --- Sending ---

    async def say(self, sends: bytes, *, to_head: bool = False) -> Answer | None:
        """The first answer on a connection of its own. None: the gateway closed without a word."""
        async with self.front.client() as client:
            try:
                return await client.ask(sends, to_head=to_head)
            except (asyncio.IncompleteReadError, ConnectionError):
                return None

    async def denied(self, sends: bytes, code: str = "5900") -> Answer:
        """The client is asked for a factor, and the API sees nothing."""
        answer = await self.say(sends, to_head=sends.startswith(b"HEAD "))
        assert answer is not None, sends
        assert answer.status == 403, (sends, answer)
        assert sends.startswith(b"HEAD ") or f'"{code}"'.encode() in answer.body, (sends, answer)
        self.unseen()
        return answer

    async def refused(self, sends: bytes, *statuses: int) -> Answer | None:
        """The client is refused before any rule, and the API sees nothing."""
        answer = await self.say(sends)
        assert answer is None or answer.status in (statuses or (400,)), (sends, answer)
        self.unseen()
        return answer

    async def passes(self, sends: bytes, *, to_head: bool = False) -> Answer:
        """The call reaches the API, once, and nothing is wrong with what it sees."""
        before = len(self.api.heads)
        answer = await self.say(sends, to_head=to_head)
        assert answer is not None, sends
        assert answer.status == 200, (sends, answer)
        assert len(self.api.heads) == before + 1
        return answer

    def unseen(self) -> None:
        """The API has seen nothing at all."""
        assert self.api.heads == []
        assert self.api.received == b""

    def sound(self, *proved: str) -> None:
        """The oracle: nothing that the API has seen is more than it may be shown."""
        found = faults(self.api, [token.partition(": ")[2] for token in proved])
        assert found == [], found[:5]

    async def barrage(self, many: Iterable[bytes], *proved: str) -> Mapping[str, int]:
        """Send each of these; the oracle holds. How many ended in which way: a status, or "end"."""
        ends: Counter[str] = Counter()
        rest = deque(many)
        while rest:
            async with self.front.client() as client:
                await _send_while_open(client, rest, ends)
        self.sound(*proved)
        return ends


async def _enrolled(installation: Installation, name: str) -> Person:
    home = installation.token(name, sid=f"home-of-{name}")
    await installation.enrol(home)
    return Person(name, home, installation.token(name, sid=f"other-of-{name}"))


async def _send_while_open(client: Client, rest: deque[bytes], ends: Counter[str]) -> None:
    """Send one after the other, until the gateway closes."""
    answer: Answer | None = None
    while rest and (answer is None or not answer.is_last):
        sends = rest.popleft()
        answer = await _asked(client, sends)
        ends["end" if answer is None else str(answer.status)] += 1
        if answer is None:
            return
        assert answer.status < 500, (sends, answer)


async def _asked(client: Client, sends: bytes) -> Answer | None:
    try:
        return await client.ask(sends, to_head=sends.startswith(b"HEAD "))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


@asynccontextmanager
async def ground(folder: Path, *, rules: str = RULES, more: str = MORE) -> AsyncIterator[Ground]:
    """A gateway on a store of its own, from entering to leaving."""
    store = Valkey(folder / "store.sock")
    async with (
        backend(honest) as api,
        store,
        Installation(folder, rules=rules, more=more, store=store.url) as installation,
    ):
        upstream = f"upstream: http://127.0.0.1:{installation.api.port}\n"
        rewrite(installation, upstream, UPSTREAMS.format(port=api.port))
        await installation.start()
        ada = await _enrolled(installation, "ada")
        code = await installation.fresh_code(ada.home)
        opened = await installation.call("GET", "/protected", token=ada.home, code=code)
        assert opened.status_code == 200, opened.text
        yield Ground(Front(installation, api), ada)


def get(target: str, *fields: str, host: str | None = "gw.test") -> bytes:
    """A GET with these very bytes for a target."""
    return request(target, *fields, host=host)
