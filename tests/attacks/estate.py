"""Where codes, windows and messages are attacked: two workers on a real Valkey, with every form switched on.

    /protected/window    a factor, of the whole account, for half an hour
    /protected/session   the same, of one session
    /protected/each      a code for every call
    /protected/app       an authenticator's code for every call
    /protected/strong    an authenticator, for half an hour
    PATCH /protected/password   a factor; a success ends everything that was proved
    POST /leave          open; a success ends everything that was proved
    everything else      open

People of the realm `shop` come with a token of its issuer, those of `people` log in here. What stays out: what is sent
(the tests), and what must not have been seen (witness).
"""

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.proof import Budget
from mfa_gateway.state import AccountRecord, Store, StoreSettings, open_store
from mfa_gateway.state.records import BudgetFacts
from tests.attacks.witness import faults
from tests.e2e.backend import Backend, backend, honest, word
from tests.e2e.front import Front, bearer, put_behind, rewrite
from tests.e2e.installation import Installation
from tests.e2e.valkey import Valkey
from tests.e2e.wire import Answer, Client, request
from tests.senders.webhooks import Service
from tests.state.world import ServerWorld

WINDOW, SESSION, EACH = "/protected/window", "/protected/session", "/protected/each"
APP, STRONG, PASSWORD, LEAVE = "/protected/app", "/protected/strong", "/protected/password", "/leave"

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: window, paths: ["/protected/window"], policy: mfa, dialect: glue}
    - {name: session, paths: ["/protected/session"], policy: mfa, dialect: glue, scope: session}
    - {name: each, paths: ["/protected/each"], policy: mfa, dialect: glue, grace: 0s}
    - {name: app, paths: ["/protected/app"], policy: mfa, dialect: glue, grace: 0s, factors: [totp]}
    - {name: strong, paths: ["/protected/strong"], policy: mfa, dialect: glue, factors: [totp]}
    - {name: password, methods: [PATCH], paths: ["/protected/password"], policy: mfa, dialect: glue, on_success: revoke}
    - {name: leave, methods: [POST], paths: ["/leave"], policy: open, on_success: revoke}
"""
MORE = """
workers: 2
factors: {sms: {enabled: true, countries: [DE, GB]}}
dialects:
  gigya:
    enabled: true
    prefix: /gigya
    jsonp: true
    calls_per_address: []
    sites:
      - {api_key: 3_KEY, realm: people}
      - {api_key: 3_SHORT, realm: short, code_length: 4}
      - {api_key: 3_CLOSED, realm: people, otp_registration: false}
  adservio: {enabled: true, prefix: /adservio, realm: people}
"""
FREE = "rate_limits: {send_per_account: [], send_per_destination: [], send_per_address: []}"
CLUB = (
    '    - {realm: club, issuer: "https://club.test", audience: shop-api, algorithms: [HS256],'
    " secret_file: ./issuer-secret}\n"
)
PASSPHRASE = "correct horse battery staple"
# Those who log in here, each with a mailbox that is a factor; `zoe` has none. Who is banned, or must not have proved
# anything yet, belongs to one test.
PEOPLE = ("ann", "ben", "cat", "dan", "eva", "fay", "gus", "hal", "ida", "joe", "kit", "lea", "max", "zoe")
PATIENCE = 10.0
_STEPS = "multi-factor-auth-"


def said(answer: Answer | None) -> str:
    """Status and error code of an answer, as in "403/5900"."""
    if answer is None:
        return "end"
    code = json.loads(answer.body)["errors"][0].get("code", "") if b'"errors"' in answer.body else ""
    return f"{answer.status}/{code}" if code else str(answer.status)


@dataclass
class Estate:
    """A gateway that runs, and a look into its store. `proved`: the tokens that may have been let through."""

    front: Front
    store: Store
    valkey: Valkey
    phones: Service
    proved: set[str] = field(default_factory=set)

    @property
    def api(self) -> Backend:
        return self.front.api

    @property
    def installation(self) -> Installation:
        return self.front.installation

    def sound(self) -> None:
        """The oracle: nothing that the API has seen is more than it may be shown."""
        assert faults(self.api, [f"Bearer {token}" for token in self.proved]) == []

    @property
    def let_through(self) -> int:
        """How many protected calls the API has seen."""
        return sum(head.target.startswith("/protected") for head in self.api.heads)

    # --- People ---

    def token(self, name: str, sid: str = "there", **claims: object) -> str:
        """A token of one session of somebody."""
        return self.installation.token(name, sid=f"{sid}-of-{name}", **claims)

    async def enrolled(self, name: str) -> str:
        """The token of a session that has shown nothing, of somebody who has proved a mailbox in another one."""
        assert (await self.step("type-activate", home := self.token(name, "home"))).status == 204
        assert (await self.step("type-verify", home, self.mailed(name))).status == 204
        return self.token(name)

    async def with_app(self, name: str) -> tuple[str, bytes]:
        """The token of somebody with a mailbox and an authenticator, and its secret."""
        secret = secrets.token_bytes(20)
        factors: dict[Factor, str | bytes] = {Factor.EMAIL: f"{name}@shop.test", Factor.TOTP: secret}
        await self.store.put_record(AccountId("shop", name), AccountRecord(), factors=factors)
        return self.token(name), secret

    def mailed(self, name: str) -> str:
        """The code of the last message to somebody, which is there when its sending was answered."""
        return self.installation.mailbox.newest_code(f"{name}@shop.test")

    async def code(self, name: str) -> str:
        """A code that is good for the gate now."""
        assert (await self.step("trigger", self.token(name))).status == 204
        return self.mailed(name)

    def wrong(self) -> Iterable[str]:
        """Codes that nobody was sent, each another one."""
        mails = " ".join(text for _, _, text in self.installation.mailbox.messages)
        return (code for code in (f"{number:06d}" for number in range(1_000_000)) if code not in mails)

    async def budget(self, name: str, budget: Budget = Budget.STEP_UP, realm: str = "shop") -> BudgetFacts:
        """What the store has counted."""
        return await self.budget_of(AccountId(realm, name), budget)

    async def budget_of(self, account: AccountId, budget: Budget) -> BudgetFacts:
        return (await self.store.show(account)).budgets[budget]

    async def commands(self, name: str) -> int:
        """How often the store has been told to do something, in scripts or otherwise."""
        told = await self.store._line.ask("INFO", "commandstats")
        lines = told.decode().split(f"cmdstat_{name}:calls=")[1:]
        return sum(int(line.partition(",")[0]) for line in lines)

    async def pass_time(self, ms: int) -> None:
        """Make everything in the store so much older; or younger, as if its clock had been set back."""
        world = ServerWorld(self.valkey.url)
        world._stores.append(self.store)
        await world.pass_time(ms)

    async def unlock(self, name: str, realm: str = "shop") -> None:
        """Give all guesses back."""
        await self.store.unlock(AccountId(realm, name))

    # --- Sending, each on a connection of its own and so to either worker ---

    async def ask(self, sends: bytes) -> Answer | None:
        """The first answer. None: the gateway closed without a word."""
        async with self.front.client() as client:
            return await heard(client, sends)

    async def get(
        self, path: str, token: str = "", code: str | None = None, *fields: str, method: str = "GET", body: bytes = b""
    ) -> Answer:
        """One call. A good answer is that to this very call."""
        mark = secrets.token_hex(8)
        given = [f"X-Token: {mark}", *([bearer(token)] if token else []), *fields]
        given += [] if code is None else [f"X-MFA-Code: {code}"]
        answer = await self.ask(request(path, *given, method=method, body=body))
        assert answer is not None
        assert answer.status != 200 or method == "HEAD" or answer.body == word(method, path, mark)
        return answer

    async def passes(self, path: str, token: str, code: str | None = None, *, method: str = "GET") -> None:
        """The call gets through, and may."""
        self.proved.add(token)
        assert said(await self.get(path, token, code, method=method)) == "200"

    async def refused(self, path: str, token: str, code: str | None = None, *fields: str, how: str = "") -> Answer:
        """The API sees nothing of the call."""
        before = len(self.api.heads)
        answer = await self.get(path, token, code, *fields)
        assert said(answer) == (how or ("403/5900" if code is None else "403/5901")), (path, code, fields)
        assert len(self.api.heads) == before
        return answer

    async def step(self, step: str, token: str, code: str | None = None, *fields: str, factor: str = "email") -> Answer:
        """One POST of the Glue form."""
        body = {"data": {"type": f"{_STEPS}{step}", "attributes": {"type": factor}}}
        return await self.post(
            f"/{_STEPS}{step}", body, token, *([] if code is None else [f"X-MFA-Code: {code}"]), *fields
        )

    async def post(self, path: str, body: object, token: str = "", *fields: str, method: str = "POST") -> Answer:
        """JSON to an endpoint of the gateway's own."""
        given = [*([bearer(token)] if token else []), *fields]
        kind = (
            [] if any(one.lower().startswith("content-type") for one in fields) else ["Content-Type: application/json"]
        )
        sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = await self.ask(request(path, *given, *(kind if sent else []), method=method, body=sent))
        assert answer is not None
        return answer

    async def gigya(self, name: str, key: str = "3_KEY", **more: str) -> Any:
        """One method of the Gigya form: what its answer holds."""
        answer = await self.installation.call("POST", f"/gigya/{name}", data={"apiKey": key, **more})
        return answer.json()

    async def log_in(self, name: str, password: str = PASSPHRASE) -> Any:
        return await self.gigya("accounts.login", loginID=f"{name}@shop.test", password=password)

    async def begun(self, ticket: str) -> dict[str, str]:
        """What completes the second step of a login by mail: all but the code, which is under way."""
        begun = await self.gigya("accounts.tfa.initTFA", provider="gigyaEmail", mode="verify", regToken=ticket)
        assertion = {"gigyaAssertion": begun["gigyaAssertion"]}
        listed = await self.gigya("accounts.tfa.email.getEmails", **assertion)
        mailbox = listed["emails"][0]["id"]
        sent = await self.gigya("accounts.tfa.email.sendVerificationCode", **assertion, emailID=mailbox, lang="en")
        return {**assertion, "phvToken": sent["phvToken"], "regToken": ticket}

    async def signed_in(self, name: str) -> tuple[str, str]:
        """A whole login with a second factor: the token for the gate, and that of the session."""
        ticket = (await self.log_in(name))["regToken"]
        begun = await self.begun(ticket)
        shown = await self.gigya("accounts.tfa.email.completeVerification", **begun, code=self.mailed(name))
        begun["providerAssertion"] = shown["providerAssertion"]
        assert (await self.gigya("accounts.tfa.finalizeTFA", **begun))["errorCode"] == 0
        done = await self.gigya("accounts.finalizeRegistration", regToken=ticket, include="id_token")
        return done["id_token"], done["sessionInfo"]["cookieValue"]


async def heard(client: Client, *sends: bytes) -> Answer | None:
    """The answer on an open connection. None: the gateway closed without a word."""
    try:
        return await client.ask(*sends, to_head=bool(sends) and sends[0].startswith(b"HEAD "))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


async def volley(port: int, requests: list[bytes]) -> list[Answer | None]:
    """All but the last byte of each request; then, when all of them wait for it, that byte of all of them."""
    async with asyncio.TaskGroup() as group:
        opened = [group.create_task(asyncio.open_connection("127.0.0.1", port)) for _ in requests]
    clients = [Client(*one.result()) for one in opened]
    try:
        for client, sends in zip(clients, requests, strict=True):
            await client.send(sends[:-1])
        return await asyncio.gather(*(heard(one, sends[-1:]) for one, sends in zip(clients, requests, strict=True)))
    finally:
        for client in clients:
            client.leave()
        await asyncio.gather(*(client.writer.wait_closed() for client in clients), return_exceptions=True)


@asynccontextmanager
async def estate(
    folder: Path,
    *,
    rules: str = RULES,
    more: str = MORE,
    limits: str = FREE,
    configure: Callable[[Installation], None] | None = None,
) -> AsyncIterator[Estate]:
    """A gateway on a store of its own, from entering to leaving."""
    phones = Service()
    await phones.start()
    valkey = Valkey(folder / "store.sock")
    try:
        async with (
            backend(honest) as api,
            valkey,
            Installation(folder, rules=rules, more=more, store=valkey.url) as made,
        ):
            _furnish(made, api.port, phones, limits)
            if configure is not None:
                configure(made)
            if "gigya" in more:
                await _settle(made)
            await made.start()
            key = base64.b64decode((folder / "keys").read_text())
            settings = StoreSettings(valkey.url, (key,), timeout=PATIENCE, connect_timeout=PATIENCE)
            store = await open_store(settings)
            try:
                yield Estate(Front(made, api), store, valkey, phones)
            finally:
                await store.close()
    finally:
        await phones.stop()


def _furnish(made: Installation, port: int, phones: Service, limits: str) -> None:
    put_behind(made, port)
    (made.folder / "webhook-secret").write_text(secrets.token_hex(32))
    webhook = f"  sms: {{webhook: {{url: '{phones.url}', secret_file: ./webhook-secret, timeout: 2s}}}}\n"
    rewrite(made, "senders:\n", f"senders:\n{webhook}")
    rewrite(made, "directory: {source: claims}\n", f"{CLUB}directory: {{source: claims}}\n")
    rewrite(made, FREE, limits)


async def _settle(made: Installation) -> None:
    """Bring those in who log in here."""
    file = made.folder / "people.ndjson"
    file.write_text("".join(json.dumps(_somebody(name)) + "\n" for name in PEOPLE))
    await made.run("accounts", "import", str(file))


def _somebody(name: str) -> dict[str, object]:
    address = f"{name}@shop.test"
    factors = [] if name == "zoe" else [{"type": "email", "state": "active"}]
    who = {"realm": "people", "subject": name, "login_ids": [address], "password": PASSPHRASE}
    return {**who, "email": address, "email_verified": True, "factors": factors}


async def again(times: int, do: Callable[[], Awaitable[Answer]]) -> list[str]:
    """What each of so many calls in a row is told."""
    return [said(await do()) for _ in range(times)]
