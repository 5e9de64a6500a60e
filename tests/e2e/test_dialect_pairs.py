"""The same account through every dialect: whatever one of them enrols, each of the others sees, uses and takes away.

One table over all pairs. A dialect joins it with one class of five methods and one line. The factor is a telephone:
that one can be enrolled in each of them.
"""

import time
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path
from typing import Any, Final, Protocol

import httpx2
import pytest

from tests.e2e.installation import Installation
from tests.e2e.school import NUMBER, PASSWORD, School, school

pytestmark = pytest.mark.processes

RULES: Final = """
access_control:
  default_policy: open
  rules:
    - {name: glue, paths: ["/glue"], policy: mfa, dialect: glue, grace: 0s}
    - {name: standard, paths: ["/standard"], policy: mfa, dialect: standard, grace: 0s}
    - {name: adservio, paths: ["/adservio"], policy: mfa, dialect: adservio, grace: 0s}
    - {name: gigya, paths: ["/gigya-form"], policy: mfa, dialect: gigya, grace: 0s}
"""
DIALECTS: Final = """
dialects:
  adservio: {enabled: true, prefix: /api/v2, realm: shop}
  gigya: {enabled: true, prefix: /gigya, sites: [{api_key: 3_KEY, realm: shop, tfa: {require: always}}]}
factors: {sms: {enabled: true, countries: [RO]}}
"""
ROUTES: Final = {"glue": "/glue", "standard": "/standard", "adservio": "/adservio", "gigya": "/gigya-form"}
# What a rule of each dialect says of somebody without a factor.
NOT_ENROLLED: Final = {"glue": "5906", "standard": "not_enrolled", "adservio": "403", "gigya": "403102"}


class Spoken(Protocol):
    """What a client does in one dialect."""

    def __init__(self, client: School, person: str) -> None: ...

    async def enrols(self) -> None:
        """Have a telephone as a factor, from nothing."""
        ...

    async def sees(self) -> bool:
        """Whether there is an active one."""
        ...

    async def asks_for_a_code(self) -> str: ...

    async def uses(self, code: str) -> None:
        """Get somewhere with a code."""
        ...

    async def removes(self, code: str) -> None: ...


def token(gateway: Installation, person: str) -> str:
    """What the issuer gave somebody who has just logged in there."""
    return gateway.token(person, auth_time=int(time.time()), phone_number=NUMBER, phone_number_verified=True)


async def opens(gateway: Installation, person: str, code: str, *, path: str) -> None:
    opened = await gateway.call("GET", path, token=token(gateway, person), code=code)
    assert opened.status_code == 200, opened.text


class InGlue:
    def __init__(self, client: School, person: str) -> None:
        self._client, self._gateway, self._person = client, client.site, person

    async def enrols(self) -> None:
        await self._does("type-activate", code=None)
        await self._does("type-verify", code=self._client.sms())

    async def sees(self) -> bool:
        bearer = token(self._gateway, self._person)
        listed = (await self._gateway.call("GET", "/multi-factor-auth-types", token=bearer)).json()["data"]
        states = {one["attributes"]["type"]: one["attributes"]["status"] for one in listed}
        return bool(states["sms"] == "activated")

    async def asks_for_a_code(self) -> str:
        await self._does("trigger", code=None)
        return self._client.sms()

    async def uses(self, code: str) -> None:
        await opens(self._gateway, self._person, code, path="/glue")

    async def removes(self, code: str) -> None:
        await self._does("type-deactivate", code=code)

    async def _does(self, step: str, *, code: str | None) -> None:
        bearer = token(self._gateway, self._person)
        done = await self._gateway.ceremony(step, token=bearer, code=code, factor="sms")
        assert done.status_code == 204, (step, done.text)


class InStandard:
    def __init__(self, client: School, person: str) -> None:
        self._client, self._gateway, self._person = client, client.site, person

    async def enrols(self) -> None:
        begun = await self._ask("POST", "factors", 201, json={"type": "sms", "address": NUMBER})
        await self._ask("POST", f"factors/{begun.json()['id']}/confirm", 204, json={"code": self._client.sms()})

    async def sees(self) -> bool:
        return [one["state"] for one in await self._factors() if one["type"] == "sms"] == ["active"]

    async def asks_for_a_code(self) -> str:
        await self._ask("POST", "challenges", 200, json={"type": "sms"})
        return self._client.sms()

    async def uses(self, code: str) -> None:
        await opens(self._gateway, self._person, code, path="/standard")

    async def removes(self, code: str) -> None:
        (one,) = await self._factors()
        await self._ask("DELETE", f"factors/{one['id']}", 204, code=code)

    async def _factors(self) -> list[dict[str, str]]:
        factors: list[dict[str, str]] = (await self._ask("GET", "factors", 200)).json()["factors"]
        return factors

    async def _ask(self, method: str, resource: str, expected: int, **more: Any) -> httpx2.Response:
        bearer = token(self._gateway, self._person)
        answer = await self._gateway.call(method, f"/mfa/{resource}", token=bearer, **more)
        assert answer.status_code == expected, (resource, answer.text)
        return answer


class InAdservio:
    def __init__(self, client: School, person: str) -> None:
        self._client, self._person = client, person

    async def enrols(self) -> None:
        await self._client.enrol_sms(await self._client.token(self._person), self._person)

    async def sees(self) -> bool:
        return [one["tfaOptHint"] for one in await self._client.options(self._person)] == ["+4********02"]

    async def asks_for_a_code(self) -> str:
        return await self._client.challenge(await self._option(), self._person)

    async def uses(self, code: str) -> None:
        signed = await self._client.token(self._person, tfaOptID=await self._option(), tfaResponse=code)
        assert signed

    async def removes(self, code: str) -> None:
        gone = {"uaID": self._person, "tfaOptID": await self._option(), "uaPassword": PASSWORD, "tfaResponse": code}
        bearer = token(self._client.site, self._person)
        removed = await self._client.ask("/tfa_options", {**gone, "_method": "DELETE"}, token=bearer)
        assert removed.status_code == 200, removed.text

    async def _option(self) -> str:
        (one,) = await self._client.options(self._person)
        return one["tfaOptID"]


class InGigya:
    """Codes are bound to the login that asked for them, so each of these is a login of its own."""

    def __init__(self, client: School, person: str) -> None:
        self._client, self._person = client, person

    async def enrols(self) -> None:
        await self._shows("register", phone=NUMBER.lstrip("+"))

    async def sees(self) -> bool:
        body = await self._ask("accounts.tfa.getProviders", regToken=await self._log_in())
        return [one["name"] for one in body["activeProviders"]] == ["gigyaPhone"]

    async def asks_for_a_code(self) -> str:
        await self._begins(await self._log_in(), "verify", phoneID="")
        return self._client.sms()

    async def uses(self, code: str) -> None:
        del code
        assert (await self._shows("verify", phoneID=""))["errorCode"] == 0

    async def removes(self, code: str) -> None:
        del code
        entered = await self._shows("verify", phoneID="")
        session = {"login_token": entered["sessionInfo"]["login_token"]}
        gone = await self._ask("accounts.tfa.deactivateProvider", provider="gigyaPhone", **session)
        assert gone["errorCode"] == 0, gone

    async def _log_in(self) -> str:
        """The ticket of a login that waits for a second factor, or for one to be registered."""
        body = await self._ask("accounts.login", loginID=f"user-{self._person}", password=PASSWORD)
        assert body["errorCode"] in (403101, 403102), body
        ticket: str = body["regToken"]
        return ticket

    async def _begins(self, ticket: str, mode: str, **where: str) -> dict[str, str]:
        """Assertion and ticket of a code that is on its way."""
        begun = await self._ask("accounts.tfa.initTFA", regToken=ticket, provider="gigyaPhone", mode=mode)
        assert begun["errorCode"] == 0, begun
        assertion = {"gigyaAssertion": begun["gigyaAssertion"]}
        if mode == "verify":
            (phone,) = (await self._ask("accounts.tfa.phone.getRegisteredPhoneNumbers", **assertion))["phones"]
            where = {"phoneID": phone["id"]}
        sent = await self._ask("accounts.tfa.phone.sendVerificationCode", **assertion, method="sms", lang="en", **where)
        assert sent["errorCode"] == 0, sent
        return {**assertion, "phvToken": sent["phvToken"]}

    async def _shows(self, mode: str, **where: str) -> dict[str, Any]:
        """Show a second factor and enter."""
        ticket = await self._log_in()
        begun = await self._begins(ticket, mode, **where)
        done = await self._ask("accounts.tfa.phone.completeVerification", **begun, code=self._client.sms())
        shown = {"gigyaAssertion": begun["gigyaAssertion"], "providerAssertion": done["providerAssertion"]}
        ended = await self._ask("accounts.tfa.finalizeTFA", regToken=ticket, tempDevice="true", **shown)
        assert ended["errorCode"] == 0, ended
        return await self._ask("accounts.finalizeRegistration", regToken=ticket, targetEnv="jssdk")

    async def _ask(self, method: str, /, **parameters: str) -> dict[str, Any]:
        answer = await self._client.site.call("POST", f"/gigya/{method}", data={"apiKey": "3_KEY", **parameters})
        body: dict[str, Any] = answer.json()
        return body


SPOKEN: Final[dict[str, type[Spoken]]] = {
    "glue": InGlue,
    "standard": InStandard,
    "adservio": InAdservio,
    "gigya": InGigya,
}
PAIRS: Final = tuple(product(SPOKEN, repeat=2))


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[School]:
    people = map(str, range(len(PAIRS)))
    async with school(tmp_path, *people, rules=RULES, more=DIALECTS) as running:
        yield running


async def test_what_one_dialect_enrols_the_others_see_use_and_take_away(client: School) -> None:
    for number, (one, other) in enumerate(PAIRS):
        person = str(number)
        first, second = SPOKEN[one](client, person), SPOKEN[other](client, person)
        assert not await second.sees(), (one, other)
        await first.enrols()
        assert await first.sees(), (one, other)
        assert await second.sees(), (one, other)
        for path in ROUTES.values():
            await opens(client.site, person, await second.asks_for_a_code(), path=path)
        for user in SPOKEN.values():
            await user(client, person).uses(await second.asks_for_a_code())
        await second.removes(await first.asks_for_a_code())
        assert not await first.sees(), (one, other)
        refused = await client.site.call("GET", ROUTES[other], token=token(client.site, person))
        assert refused.headers["x-mfa-error-code"] == NOT_ENROLLED[other], (one, other)
