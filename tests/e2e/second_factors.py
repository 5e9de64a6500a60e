"""People who show second factors in the Gigya form: a shop with all its providers, and what its clients do."""

import base64
import json
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyotp
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mfa_gateway.core.tickets import TicketKind
from mfa_gateway.directory.passwords import Passwords
from mfa_gateway.identity.minting import Minter
from mfa_gateway.identity.own_key import OwnKey, written_key
from mfa_gateway.state.tickets import SealedTickets
from mfa_gateway.state.vault import Vault
from tests.e2e.installation import Installation
from tests.e2e.push_devices import Telephone, telephone
from tests.e2e.waiting import until
from tests.senders.webhooks import Service

PASSWORD = "correct horse battery staple"
KEY = "3_KEY"
WRONG = "000000"

GIGYA_ASSERTION = "gigya-assertion+jwt"
PROVIDER_ASSERTION = "provider-assertion+jwt"
GOOD = (0, "")
BAD_JWT = (400006, "Invalid jwt")
WRONG_CODE = (400006, "Wrong verification code")
NO_MORE_TRIES = (400124, "Maximum allowed tries exceeded")
RECENT_LOGIN = (403110, "Account Pending Recent Login")

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: orders, paths: ["/orders/**"], policy: mfa, realms: [people, old], dialect: gigya}
    - {name: shared, paths: ["/shared/**"], policy: mfa, realms: [people, old], dialect: gigya, scope: account}
"""
GIGYA = """
dialects:
  gigya:
    enabled: true
    prefix: /gigya
    base_url: https://accounts.shop.test
    signing_key_file: ./signing-key
    calls_per_address: []
    sites:
      - api_key: 3_KEY
        realm: people
        tfa: {require: always, providers: [gigyaEmail, gigyaPhone, gigyaTotp, gigyaPush]}
        user_keys: [{key: AKey, secret_file: ./site-secret}]
      - {api_key: 3_OLD, realm: old, tfa: {require: always}, legacy_assertions: true}
      - {api_key: 3_TWIN, realm: people, tfa: {require: always}}
factors: {sms: {enabled: true, countries: [DE]}, totp: {issuer: Shop}, push: {enabled: true}}
regulation: {max_retries: 3}
"""


@dataclass(frozen=True)
class Person:
    """Somebody who has an account."""

    name: str
    number: int
    factors: tuple[str, ...] = ()
    realm: str = "people"

    @property
    def mail(self) -> str:
        return f"{self.name}@shop.test"

    @property
    def phone(self) -> str:
        return f"+4917012{self.number:05d}"

    @property
    def new_phone(self) -> str:
        return f"+4917099{self.number:05d}"

    @property
    def device(self) -> str:
        return f"gmid.{self.name}"

    @property
    def secret(self) -> str:
        return base64.b32encode(self.name.encode().ljust(20, b"x")[:20]).decode()

    def line(self, password_hash: str) -> dict[str, Any]:
        # A device is not brought in: it opts in, with a session that a code by mail is good for.
        names = ["email" if name == "push" else name for name in self.factors]
        factors: list[dict[str, str]] = [{"type": name, "state": "active"} for name in names]
        for factor in factors:
            if factor["type"] == "totp":
                factor["secret"] = self.secret
        return {
            "realm": self.realm,
            "subject": self.name,
            "login_ids": [self.mail],
            "password_hash": password_hash,
            "email": self.mail,
            "email_verified": True,
            "phone": self.phone,
            "phone_verified": True,
            "factors": factors,
        }


OLD = Person("old", 99_000, realm="old")


class Shop(Installation):
    """An installation at which people show second factors."""

    phones: Service
    key: OwnKey
    telephones: dict[str, Telephone]

    async def furnish(self, people: list[Person], phones: Service) -> None:
        """Bring in everything but the process."""
        self.left = {one.factors: iter([other for other in people if other.factors == one.factors]) for one in people}
        self.phones, self.telephones = phones, {}
        key = generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.key = written_key(pem)
        (self.folder / "signing-key").write_bytes(pem)
        self.site_secret = secrets.token_bytes(24)
        (self.folder / "site-secret").write_bytes(base64.b64encode(self.site_secret))
        (self.folder / "webhook-secret").write_text(secrets.token_hex(32))
        service = f"{{webhook: {{url: '{phones.url}', secret_file: ./webhook-secret, timeout: 2s}}}}"
        webhook = f"  sms: {service}\n  push: {service}\n"
        text = self.config.read_text().replace("source: claims", "source: store")
        self.config.write_text(text.replace("senders:\n", f"senders:\n{webhook}", 1))
        passwords = Passwords()
        password_hash = await passwords.hash(PASSWORD)
        passwords.close()
        lines = self.folder / "people.ndjson"
        lines.write_text("".join(json.dumps(one.line(password_hash)) + "\n" for one in people))
        await self.run("accounts", "import", str(lines))

    async def ask(self, method: str, /, *, key: str = KEY, **parameters: str) -> dict[str, Any]:
        """One call of a method; `accounts.` and `accounts.tfa.` need not be written."""
        name = method if method.startswith("accounts.") else f"accounts.tfa.{method}"
        answer = await self.call("POST", f"/gigya/{name}", data={"apiKey": key, **parameters})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def log_in(self, one: Person, **more: str) -> dict[str, Any]:
        who = {"loginID": one.mail, "password": PASSWORD, "gmid": one.device, "include": "id_token"}
        return await self.ask("accounts.login", **{**who, **more})

    async def text_to(self, phone: str) -> str:
        """The code of the last text message to a phone."""
        found: list[str] = []

        def look() -> bool:
            found[:] = [post.document["code"] for post in self.phones.posts if post.document["to"] == phone]
            return bool(found)

        await until(look)
        return found[-1]

    # --- What only the gateway could have written ---

    async def aged(self, assertion: str, purpose: str, seconds: int = 301) -> str:
        """The same assertion, signed by the gateway's own key, as it would have been made some time ago."""
        minter = Minter(self._own_key)
        claims = await minter.read(assertion, purpose=purpose)
        assert claims is not None
        at = claims["iat"]
        assert isinstance(at, int)
        return await minter.mint({**claims, "iat": at - seconds}, header={"typ": purpose})

    async def altered(self, assertion: str, purpose: str, **claims: object) -> str:
        """The same assertion with other claims in clear, signed by the gateway's own key."""
        minter = Minter(self._own_key)
        said = await minter.read(assertion, purpose=purpose)
        assert said is not None
        return await minter.mint({**said, **claims}, header={"typ": purpose})

    async def _own_key(self) -> OwnKey:
        return self.key

    def old(self, ticket: str, kind: TicketKind, milliseconds: int = 300_000) -> str:
        """The same ticket, as it would have been made some time ago."""
        sealing = SealedTickets(Vault((base64.b64decode((self.folder / "keys").read_text()),)))
        read = sealing.open_ticket(ticket, kind=kind, site=KEY)
        assert read is not None
        return sealing.seal_ticket(replace(read, born_ms=read.born_ms - milliseconds))


@dataclass(frozen=True)
class Shown:
    """A code that is about to be shown: by which method, with what beside assertion and code, and the code itself.

    `name`: what the code is called there.
    """

    method: str
    beside: Mapping[str, str]
    code: str
    name: str = "code"

    def parameters(self, assertion: str, code: str | None = None) -> dict[str, str]:
        return {"gigyaAssertion": assertion, **self.beside, self.name: self.code if code is None else code}


@dataclass(frozen=True)
class Client:
    """One person on one device, at one login."""

    shop: Shop
    one: Person
    ticket: str
    key: str = KEY
    device: str = ""

    async def ask(self, method: str, /, **parameters: str) -> dict[str, Any]:
        return await self.shop.ask(method, **{"key": self.key, "gmid": self.device or self.one.device, **parameters})

    async def init(self, provider: str, mode: str, **more: str) -> dict[str, Any]:
        return await self.ask("initTFA", **{"regToken": self.ticket, "provider": provider, "mode": mode, **more})

    async def assertion(self, provider: str, mode: str) -> str:
        body = await self.init(provider, mode)
        assert body["errorCode"] == 0, body
        token: str = body["gigyaAssertion"]
        return token

    async def send(self, provider: str, mode: str, assertion: str) -> Shown:
        """Get a code, as a client of this provider does in this mode."""
        match provider:
            case "gigyaEmail":
                return await self._send_mail(assertion)
            case "gigyaPhone":
                return await self._send_text(mode, assertion)
            case "gigyaPush":
                return await self._send_push(assertion)
            case _:
                return await self._read_code(mode, assertion)

    async def _send_mail(self, assertion: str) -> Shown:
        (mail,) = (await self.ask("email.getEmails", gigyaAssertion=assertion))["emails"]
        sent = await self.ask("email.sendVerificationCode", gigyaAssertion=assertion, emailID=mail["id"], lang="en")
        assert sent["errorCode"] == 0, sent
        code = self.shop.mailbox.newest_code(self.one.mail)
        return Shown("email.completeVerification", {"phvToken": sent["phvToken"]}, code)

    async def _send_text(self, mode: str, assertion: str) -> Shown:
        where, phone = {"phone": self.one.new_phone.lstrip("+")}, self.one.new_phone
        if mode == "verify":
            (known,) = (await self.ask("phone.getRegisteredPhoneNumbers", gigyaAssertion=assertion))["phones"]
            where, phone = {"phoneID": known["id"]}, self.one.phone
        told = {"gigyaAssertion": assertion, "method": "sms", "lang": "en", **where}
        sent = await self.ask("phone.sendVerificationCode", **told)
        assert sent["errorCode"] == 0, sent
        code = await self.shop.text_to(phone)
        return Shown("phone.completeVerification", {"phvToken": sent["phvToken"]}, code)

    async def _send_push(self, assertion: str) -> Shown:
        sent = await self.ask("push.sendVerification", gigyaAssertion=assertion)
        assert sent["errorCode"] == 0, sent
        token = await self.shop.telephones[self.one.name].hears(assertion)
        return Shown("push.verify", {}, token, "verificationToken")

    async def _read_code(self, mode: str, assertion: str) -> Shown:
        if mode == "verify":
            return Shown("totp.verify", {}, totp_code(self.one.secret))
        drawn = await self.ask("totp.register", gigyaAssertion=assertion, includeSecret="true")
        assert drawn["errorCode"] == 0, drawn
        return Shown("totp.verify", {"sctToken": drawn["sctToken"], "name": "Tablet"}, totp_code(drawn["secret"]))

    async def complete(self, shown: Shown, assertion: str, code: str | None = None) -> dict[str, Any]:
        told = shown.parameters(assertion, code)
        if shown.method != "push.verify":
            return await self.ask(shown.method, **told)
        # Their telephone answers, and the page that waits hears of it.
        body = await self.shop.telephones[self.one.name].ask(shown.method, **told)
        return body if body["errorCode"] else await self.ask("push.isVerified", gigyaAssertion=assertion)

    async def answered(self, provider: str, mode: str) -> tuple[str, str]:
        """Assertion and answer, after everything went well."""
        assertion = await self.assertion(provider, mode)
        body = await self.complete(await self.send(provider, mode, assertion), assertion)
        assert body["errorCode"] == 0, body
        return assertion, body["providerAssertion"]

    async def finalize(self, assertion: str, answer: str, **more: str) -> dict[str, Any]:
        told = {"gigyaAssertion": assertion, "providerAssertion": answer, "regToken": self.ticket, **more}
        return await self.ask("finalizeTFA", **told)

    async def show(self, provider: str, mode: str = "verify", **more: str) -> None:
        """A second factor from its beginning to its end."""
        body = await self.finalize(*(await self.answered(provider, mode)), **more)
        assert body["errorCode"] == 0, body

    async def enter(self) -> dict[str, Any]:
        return await self.ask("accounts.finalizeRegistration", regToken=self.ticket, include="id_token,profile,")


async def client(shop: Shop, one: Person, **more: str) -> Client:
    """Somebody whose password was right, and who waits for a second factor."""
    body = await shop.log_in(one, **more)
    assert body["errorCode"] == (403101 if one.factors else 403102), body
    return Client(shop, one, body["regToken"], more.get("key", KEY))


async def somebody(shop: Shop, *factors: str, first: str = "", **more: str) -> Client:
    """Somebody whom no other test has met, whose password was right; with a provider shown `first`."""
    one = next(shop.left[factors])
    if "push" in factors:
        await opted_in(shop, one)
    found = await client(shop, one, **more)
    if first:
        await found.show(first)
    return found


async def opted_in(shop: Shop, one: Person) -> Telephone:
    """The telephone of somebody, which answers from now on."""
    device = f"gmid.telephone.{one.name}"
    owner = replace(await client(shop, one, gmid=device), device=device)
    made = await telephone(shop, owner)
    await made.join()
    shop.telephones[one.name] = made
    return made


def _crowd() -> Iterator[Person]:
    """People for every test: for each set of factors, and with none."""
    sets = ((), ("email",), ("sms",), ("totp",), ("email", "sms"), ("sms", "totp"), ("push",))
    for place, factors in enumerate(sets):
        for number in range(40):
            yield Person(f"p{place}x{number}", 1000 * place + number, factors)
    yield OLD


@asynccontextmanager
async def furnished() -> AsyncIterator[Shop]:
    """A shop with people in it, and a service that takes their text messages."""
    phones = Service()
    await phones.start()
    try:
        with tempfile.TemporaryDirectory(prefix="mfa-") as folder:
            async with Shop(Path(folder), rules=RULES, more=GIGYA) as made:
                await made.furnish(list(_crowd()), phones)
                await made.start()
                yield made
    finally:
        await phones.stop()


def totp_code(secret: str) -> str:
    """The code that an authenticator shows now."""
    return pyotp.TOTP(secret).at(int(time.time()))


def error(body: dict[str, Any]) -> tuple[int, str]:
    """Code and details of an answer; (0, "") for a good one."""
    return body["errorCode"], body.get("errorDetails", "")
