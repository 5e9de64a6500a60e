"""Telephones that answer by themselves, and a page beside them: what an app does with `accounts.tfa.push.*`."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.e2e.waiting import until

if TYPE_CHECKING:
    from tests.e2e.second_factors import Client, Person, Shop


@dataclass
class Telephone:
    """Somebody's telephone with an app on it, which has a session of its own."""

    shop: "Shop"
    one: "Person"
    session: str
    model: str = "telephone"
    told: dict[str, str] = field(default_factory=dict)
    """What the last message held."""

    @property
    def device(self) -> str:
        return f"gmid.{self.model}.{self.one.name}"

    @property
    def address(self) -> str:
        """What its push service calls it."""
        return f"{self.model}:of:{self.one.name}"

    async def ask(self, method: str, /, **parameters: str) -> dict[str, Any]:
        return await self.shop.ask(method, **{"gmid": self.device, "login_token": self.session, **parameters})

    async def init(self, mode: str = "register") -> str:
        body = await self.ask("initTFA", provider="gigyaPush", mode=mode)
        assert body["errorCode"] == 0, body
        token: str = body["gigyaAssertion"]
        return token

    async def opt_in(self, assertion: str, **more: str) -> dict[str, Any]:
        info = {"platform": "android", "man": "Example", "os": "15", "pushToken": self.address}
        return await self.ask("push.optin", gigyaAssertion=assertion, deviceInfo=json.dumps(info), **more)

    async def hears(self, assertion: str) -> str:
        """The token of the message that came for this assertion."""
        found: list[dict[str, str]] = []

        def look() -> bool:
            for post in self.shop.phones.posts:
                said = post.document
                if said["to"] == self.address and said["push"]["gigyaAssertion"] == assertion:
                    found.append(said["push"])
            return bool(found)

        await until(look)
        self.told = found[-1]
        return self.told["verificationToken"]

    def heard(self) -> list[dict[str, Any]]:
        """Every message that came."""
        return [post.document for post in self.shop.phones.posts if post.document["to"] == self.address]

    async def answer(self, assertion: str, token: str, **more: str) -> dict[str, Any]:
        return await self.ask("push.verify", gigyaAssertion=assertion, verificationToken=token, **more)

    async def join(self) -> None:
        """Opt in, from its beginning to its end."""
        assertion = await self.init()
        asked = await self.opt_in(assertion)
        assert asked["errorCode"] == 0, asked
        said = await self.answer(assertion, await self.hears(assertion))
        assert said["errorCode"] == 0, said
        end = {"gigyaAssertion": assertion, "providerAssertion": said["providerAssertion"]}
        ended = await self.ask("finalizeTFA", **end)
        assert ended["errorCode"] == 0, ended


async def telephone(shop: "Shop", owner: "Client", model: str = "telephone") -> Telephone:
    """The telephone of somebody whose password and code by mail were right on it."""
    made = Telephone(shop, owner.one, "", model)
    await owner.show("gigyaEmail", "verify" if owner.one.factors else "register")
    entered = await owner.enter()
    assert entered["errorCode"] == 0, entered
    made.session = entered["sessionInfo"]["cookieValue"]
    return made
