"""A school with the Adservio form: an installation that logs people in, and a client that speaks like the contract."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.e2e.installation import Installation
from tests.senders.webhooks import Service

PASSWORD = "correct horse battery staple"
NUMBER = "+40768248202"
RULES = """
access_control:
  default_policy: open
  rules:
    - {name: marks, paths: ["/marks/**"], policy: mfa, require: if_enrolled, realms: [shop], dialect: adservio}
    - {name: strict, paths: ["/strict"], policy: mfa, realms: [shop], dialect: adservio, grace: 0s}
"""
ADSERVIO = """
dialects:
  adservio: {enabled: true, prefix: /api/v2, realm: shop}
factors: {sms: {enabled: true, countries: [RO, DE]}}
"""


@asynccontextmanager
async def school(
    folder: Path, *subjects: str, more: str = ADSERVIO, rules: str = RULES, realm: str = "shop"
) -> AsyncIterator["School"]:
    """A running installation with an account for each subject: `user-SUBJECT` logs in as it."""
    service = Service()
    await service.start()
    try:
        async with Installation(folder, rules=rules, more=more) as site:
            _add_sms(site, service)
            people = [_person(subject, realm) for subject in subjects]
            file = folder / "people.ndjson"
            file.write_text("".join(json.dumps(person) + "\n" for person in people))
            await site.run("accounts", "import", str(file))
            await site.start()
            yield School(site, service)
    finally:
        await service.stop()


def _person(subject: str, realm: str) -> dict[str, object]:
    return {
        "realm": realm,
        "subject": subject,
        "login_ids": [f"user-{subject}"],
        "password": PASSWORD,
        "email": f"{subject}@shop.test",
        "email_verified": True,
    }


def _add_sms(site: Installation, service: Service) -> None:
    (site.folder / "webhook-secret").write_bytes(b"0123456789abcdef0123456789abcdef")
    webhook = f"  sms: {{webhook: {{url: '{service.url}', secret_file: ./webhook-secret, timeout: 2s}}}}\n"
    site.config.write_text(site.config.read_text().replace("senders:\n", f"senders:\n{webhook}"))


@dataclass(frozen=True)
class School:
    """A client of `./auth`, for one pupil; another one is there as well."""

    site: Installation
    service: Service
    me: str = "42"
    other: str = "43"

    def who(self, subject: str = "") -> dict[str, str]:
        """What logs somebody in."""
        return {"uaUserName": f"user-{subject or self.me}", "uaPassword": PASSWORD}

    @property
    def sent(self) -> int:
        return len(self.service.posts)

    def sms(self) -> str:
        """The code of the last message, which is there when its sending was answered."""
        code: str = self.service.posts[-1].document["code"]
        return code

    async def ask(self, path: str, fields: dict[str, Any], *, token: str = "", **more: Any) -> httpx2.Response:
        """One POST."""
        return await self.site.call("POST", f"/api/v2/auth{path}", token=token or None, data=fields, **more)

    async def log_in(self, subject: str = "", password: str = PASSWORD, **fields: str) -> httpx2.Response:
        return await self.ask("", {**self.who(subject), "uaPassword": password, **fields})

    async def token(self, subject: str = "", **fields: str) -> str:
        answer = await self.log_in(subject, **fields)
        assert answer.status_code == 200, answer.text + self.site.log
        token: str = answer.json()["access_token"]
        return token

    async def options(self, subject: str = "") -> list[dict[str, str]]:
        """The list by password."""
        answer = await self.ask("/tfa_options", {**self.who(subject), "_method": "GET"})
        assert answer.status_code == 200, answer.text
        data: list[dict[str, str]] = answer.json()["data"]
        return data

    async def challenge(self, option: str, subject: str = "") -> str:
        """The code of a challenge by SMS."""
        answer = await self.ask("/tfa_challenge", {**self.who(subject), "tfaOptID": option})
        assert (answer.status_code, answer.json()) == (200, {"result": True}), answer.text
        return self.sms()

    async def enrol_sms(self, token: str, subject: str = "", phone: str = NUMBER, code: str = "") -> str:
        """The number of a factor by SMS, from nothing."""
        sent = {"chUaID": subject or self.me, "chIntent": "edit", "chPhone": phone}
        begun = await self.ask("/challenge_phone", sent, token=token, code=code or None)
        assert begun.status_code == 200, begun.text
        said = {"uaID": subject or self.me, "tfaOptType": "1", "chID": begun.json()["chID"], "chResponse": self.sms()}
        added = await self.ask("/tfa_options", said, token=token)
        assert added.status_code == 200, added.text
        number: str = added.json()["tfaOptID"]
        return number


def error(answer: httpx2.Response) -> tuple[int, str, int]:
    """Status, field and number."""
    (entry,) = answer.json()
    return answer.status_code, entry["field"], entry["code"]


async def at_once(calls: list[Any]) -> list[httpx2.Response]:
    return list(await asyncio.gather(*calls))
