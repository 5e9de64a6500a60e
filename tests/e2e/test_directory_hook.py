"""People of an operator's own system, asked over HTTP by a running gateway: addresses, who has left, and outages."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mfa_gateway.core.account import Factor
from tests.directory.hooks import NOBODY, SECRET, Question, Reply, System, says
from tests.e2e.installation import Installation, answer
from tests.e2e.waiting import until

pytestmark = pytest.mark.processes

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: change-password, methods: [PATCH], paths: ["/customer-password/{id}"], policy: mfa}
    - {name: orders, paths: ["/orders/**"], policy: mfa, require: if_enrolled}
"""


class People(System):
    """A system that knows people by realm and subject."""

    def __init__(self) -> None:
        super().__init__(answer=self._tell)
        self.known: dict[str, dict[str, Any]] = {}
        self.is_away = False

    def _tell(self, question: Question) -> Reply:
        if self.is_away:
            return Reply(500)
        said = self.known.get(f"{question.asked['realm']}/{question.asked['subject']}")
        return NOBODY if said is None else says(**said)


@pytest.fixture
async def people() -> AsyncIterator[People]:
    running = People()
    running.known["shop/ada"] = {"email": "ada@people.test", "email_verified": True, "locale": "de"}
    await running.start()
    yield running
    await running.stop()


def asking(running: Installation, people: People, *, max_stale: str) -> None:
    """Have people looked up at their system."""
    (running.folder / "directory.secret").write_bytes(SECRET)
    said = f"source: http, url: '{people.url}', secret_file: ./directory.secret, timeout: 2s, max_stale: {max_stale}"
    running.config.write_text(running.config.read_text().replace("source: claims", said))


@pytest.fixture
async def installation(tmp_path: Path, people: People) -> AsyncIterator[Installation]:
    """A gateway that asks before every call."""
    async with Installation(tmp_path, rules=RULES) as running:
        asking(running, people, max_stale="0s")
        await running.start()
        yield running


async def test_codes_go_to_the_address_that_the_system_knows(installation: Installation, people: People) -> None:
    token = installation.token()
    await installation.enrol(token)
    assert {to for to, _, _ in installation.mailbox.messages} == {"ada@people.test"}
    assert answer(await installation.call("GET", "/orders/1", token=token)) == "200"
    assert people.forged == []
    assert people.questions[0].target == "/people?realm=shop&subject=ada"
    assert "ada@people.test" not in installation.log


@pytest.mark.parametrize(
    "said", [{"email": "ada@people.test"}, {"email": "ada@people.test", "email_verified": False}, {}]
)
async def test_an_address_that_is_not_verified_gets_no_code(
    installation: Installation, people: People, said: dict[str, Any]
) -> None:
    people.known["shop/ada"] = said
    response = await installation.ceremony("type-activate", token=installation.token())
    assert response.status_code != 204
    assert installation.mailbox.messages == []


async def test_nobody_on_record_gets_nowhere_with_a_good_token(installation: Installation) -> None:
    token = installation.token("mallory")
    assert (await installation.call("GET", "/orders/1", token=token)).status_code == 403
    assert (await installation.ceremony("type-activate", token=token)).status_code != 204
    assert (await installation.call("GET", "/public", token=token)).status_code == 200
    assert [seen.target for seen in installation.api.seen] == ["/public"]


async def test_who_is_disabled_there_is_refused_in_the_midst_of_grace(
    installation: Installation, people: People
) -> None:
    token = installation.token()
    await installation.enrol(token)
    assert answer(await installation.call("PATCH", "/customer-password/42", token=token)) == "200"
    people.known["shop/ada"] |= {"disabled": True}
    served = len(installation.api.seen)
    assert (await installation.call("PATCH", "/customer-password/42", token=token)).status_code == 403
    assert (await installation.ceremony("trigger", token=token)).status_code != 204
    assert len(installation.api.seen) == served
    people.known["shop/ada"] |= {"disabled": False}
    assert answer(await installation.call("PATCH", "/customer-password/42", token=token)) == "200"


async def test_a_system_that_is_away_closes_protected_routes_and_no_others(
    installation: Installation, people: People
) -> None:
    token = installation.token()
    await installation.enrol(token)
    people.is_away = True
    response = await installation.call("PATCH", "/customer-password/42", token=token)
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert (await installation.ceremony("trigger", token=token)).status_code == 503
    assert (await installation.call("GET", "/public", token=token)).status_code == 200
    people.is_away = False
    await until(lambda: _passes(installation, token))


async def _passes(installation: Installation, token: str) -> bool:
    return (await installation.call("PATCH", "/customer-password/42", token=token)).status_code == 200


async def test_a_gateway_with_another_secret_is_believed_nothing(installation: Installation, people: People) -> None:
    people.secret = b"x" * 40
    response = await installation.call("GET", "/orders/1", token=installation.token())
    assert response.status_code == 503
    assert people.questions == []


async def test_an_answer_counts_for_max_stale_and_no_longer(tmp_path: Path, people: People) -> None:
    async with Installation(tmp_path, rules=RULES) as running:
        asking(running, people, max_stale="2s")
        await running.start()
        token = running.token()
        await running.enrol(token)
        asked = len(people.questions)
        for _ in range(20):
            assert answer(await running.call("GET", "/orders/1", token=token)) == "200"
        assert len(people.questions) - asked <= 2
        people.known["shop/ada"] |= {"disabled": True}
        await until(lambda: _is_refused(running, token))


async def _is_refused(running: Installation, token: str) -> bool:
    return (await running.call("GET", "/orders/1", token=token)).status_code == 403


async def test_a_caller_whom_a_proxy_names_is_reached_at_what_the_system_knows(tmp_path: Path, people: People) -> None:
    people.known["staff/ada"] = {"email": "ada@staff.test", "email_verified": True}
    async with Installation(tmp_path, rules=RULES) as running:
        asking(running, people, max_stale="0s")
        header = "identity:\n  header: {realm: staff, name: X-Forwarded-User, from: [127.0.0.1]}\n"
        running.config.write_text(running.config.read_text().replace("identity:\n", header, 1))
        await running.start()
        named = {"X-Forwarded-User": "ada"}
        body = {"data": {"type": "multi-factor-auth-type-activate", "attributes": {"type": Factor.EMAIL.value}}}
        response = await running.call("POST", "/multi-factor-auth-type-activate", headers=named, json=body)
        assert response.status_code == 204
        assert running.mailbox.messages[0][0] == "ada@staff.test"


@pytest.mark.parametrize(("is_verified", "status"), [(True, 204), (False, 400)])
async def test_a_number_of_the_system_gets_codes_where_it_is_verified(
    tmp_path: Path, people: People, *, is_verified: bool, status: int
) -> None:
    people.known["shop/ada"] = {"phone": "+49 170 1234567", "phone_verified": is_verified}
    async with Installation(
        tmp_path, rules=RULES, more="factors: {sms: {enabled: true, countries: [DE]}}\n"
    ) as running:
        asking(running, people, max_stale="0s")
        running.config.write_text(running.config.read_text().replace("senders:\n", "senders:\n  sms: {log: {}}\n", 1))
        await running.start()
        response = await running.ceremony("type-activate", token=running.token(), factor="sms")
        assert response.status_code == status, response.text
        assert ("+491701234567" in running.log) == is_verified
