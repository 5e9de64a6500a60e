"""An installation with a Gigya area at which people log in, for the tests of its methods and of real clients."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

from tests.e2e.installation import Installation

PASSWORD = "correct horse battery staple"
KEY = "3_KEY"
RULES = """
access_control:
  default_policy: open
  rules:
    - {name: orders, paths: ["/orders/**"], policy: mfa, realms: [people], dialect: gigya, grace: 30m}
    - {name: shared, paths: ["/shared/**"], policy: mfa, realms: [people], dialect: gigya, grace: 30m, scope: account}
"""
GIGYA = """
dialects:
  gigya:
    enabled: true
    prefix: /gigya
    sites:
      - {api_key: 3_KEY, realm: people}
      - {api_key: 3_PLAIN, realm: plain, tfa: {require: "off"}, required_fields: [profile.firstName]}
"""
ADA: Mapping[str, Any] = {
    "realm": "people",
    "subject": "ada",
    "login_ids": ["ada@shop.test"],
    "password": PASSWORD,
    "email": "ada@shop.test",
    "email_verified": True,
    "factors": [{"type": "email", "state": "active"}],
    "profile": {"firstName": "Ada", "data": {"personId": "person-1", "gigyaDataCenter": "EU2"}},
}
BOB: Mapping[str, Any] = {"realm": "plain", "subject": "bob", "login_ids": ["bob"], "password": PASSWORD}
CAROL: Mapping[str, Any] = {**BOB, "subject": "carol", "login_ids": ["carol"]}


class Shop(Installation):
    """An installation that people log in at: Ada has her mailbox as a second factor, Bob and Carol have none."""

    def __init__(self, folder: Path, *, rules: str = RULES, more: str = GIGYA) -> None:
        super().__init__(folder, rules=rules, more=more)

    async def open(self) -> None:
        """Bring them in, and start."""
        text = self.config.read_text().replace("source: claims", "source: store")
        self.config.write_text(text)
        people = self.folder / "people.ndjson"
        people.write_text("".join(json.dumps(one) + "\n" for one in (ADA, BOB, CAROL)))
        await self.run("accounts", "import", str(people))
        await self.start()

    async def answer(self, method: str, *, key: str = KEY, gmid: str = "", **parameters: str) -> httpx2.Response:
        """One call of a method, on a device where one is named."""
        headers = {"cookie": f"gmid={gmid}"} if gmid else {}
        said = {"apiKey": key, **parameters}
        return await self.call("POST", f"/gigya/{method}", data=said, headers=headers)

    async def ask(self, method: str, **more: str) -> dict[str, Any]:
        """What a method answers."""
        answer = await self.answer(method, **more)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def log_in(self, name: str = "ada@shop.test", **more: str) -> dict[str, Any]:
        return await self.ask("accounts.login", **{"loginID": name, "password": PASSWORD, **more})
