"""The Adservio form over HTTP: people log in with a password and a code, and what they get opens the gate."""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pyotp
import pytest
import pytest_asyncio

from tests.e2e.school import NUMBER, PASSWORD, School, at_once, error, school

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]


PUPILS = [str(number) for number in range(100, 140)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[School]:
    async with school(tmp_path_factory.mktemp("school"), *PUPILS) as made:
        yield made


@pytest.fixture(scope="module")
def pupils() -> Iterator[str]:
    return iter(PUPILS)


@pytest.fixture
def client(running: School, pupils: Iterator[str]) -> School:
    """The one school of all tests, for two pupils of whom no test has heard."""
    return replace(running, me=next(pupils), other=next(pupils))


async def test_a_whole_life_with_sms(client: School) -> None:
    token = await client.token()
    assert (await client.site.call("GET", "/marks/1", token=token)).json() == {"api": "was here"}
    option = await client.enrol_sms(token)

    # The session in which the factor was added goes on, and the next login asks for a code.
    listed = await client.site.call("GET", f"/api/v2/auth/tfa_options?uaID={client.me}", token=token)
    (shown,) = listed.json()["data"]
    assert (shown["tfaOptID"], shown["tfaOptType"], shown["tfaOptHint"]) == (option, "1", NUMBER)
    assert shown["tfaOptInsertDate"] is not None
    assert error(await client.log_in()) == (403, "tfaID", 107)
    assert await client.options() == [{"tfaOptID": option, "tfaOptType": "1", "tfaOptHint": "+4********02"}]

    # The code that logs in counts in the new session: nothing more is asked for there, and it is spent.
    code = await client.challenge(option)
    signed = await client.token(tfaOptID=option, tfaResponse=code)
    assert (await client.site.call("GET", "/marks/1", token=signed)).status_code == 200
    assert error(await client.log_in(tfaOptID=option, tfaResponse=code)) == (403, "tfaResponse", 106)
    refused = await client.site.call("GET", "/strict", token=signed)
    assert (error(refused), refused.headers["x-mfa-error-code"]) == ((403, "tfaID", 107), "107")

    # It takes password and code to remove it, and every other session ends with it.
    gone = {"uaID": client.me, "tfaOptID": option, "_method": "DELETE"}
    assert error(await client.ask("/tfa_options", {**gone, "uaPassword": "no"}, token=signed)) == (
        403,
        "uaPassword",
        103,
    )
    gone |= {"uaPassword": PASSWORD}
    assert error(await client.ask("/tfa_options", gone, token=signed)) == (403, "tfaID", 107)
    code = await client.challenge(option)
    removed = await client.ask("/tfa_options", gone, token=signed, code=code)
    assert (removed.status_code, removed.json()) == (200, {"result": True})
    assert (await client.site.call("GET", "/marks/1", token=token)).status_code == 401
    assert (await client.log_in()).status_code == 200
    for secret in (PASSWORD, NUMBER[3:]):
        assert secret not in client.site.log


async def test_a_whole_life_with_an_authenticator(client: School) -> None:
    token = await client.token()
    drawn = (await client.site.call("GET", "/api/v2/auth/totp", token=token)).json()
    totp = pyotp.TOTP(drawn["totpSecret"])
    assert pyotp.parse_uri(drawn["totpUri"]).secret == drawn["totpSecret"]
    said = {"uaID": int(client.me), "tfaOptType": 3, "chSecret": "ANOTHERSECRET", "chResponse": "000000"}
    path = "/api/v2/auth/tfa_options"
    assert error(await client.site.call("POST", path, token=token, json=said)) == (403, "chSecret", 103)
    added = await client.site.call("POST", path, token=token, json={**said, "chResponse": totp.now()})
    assert added.status_code == 200, added.text
    option = added.json()["tfaOptID"]

    assert await client.options() == [{"tfaOptID": option, "tfaOptType": "3", "tfaOptHint": None}]
    who = {**client.who(), "tfaOptID": option}
    before = client.sent
    assert (await client.ask("/tfa_challenge", who)).json() == {"result": True}
    assert client.sent == before
    following = totp.at(int(time.time()) + 30)
    signed = await client.log_in(tfaOptID=option, tfaResponse=following, tfaSave="1")
    assert signed.status_code == 200, signed.text

    # What was handed out stands in for a code at the login, under either name, and nowhere else.
    device = signed.json()["tfaToken"]
    again = await client.token(tfaResponse=device)
    assert (await client.log_in(tfaToken=device)).status_code == 200
    assert error(await client.site.call("GET", "/marks/1", token=again))[1:] == ("tfaID", 107)
    assert (await client.site.call("GET", "/marks/1", token=again, code=device)).status_code == 403
    assert error(await client.log_in(tfaResponse="tfa_0")) == (403, "tfaID", 107)
    assert device not in client.site.log


async def test_a_device_is_forgotten_when_a_factor_changes(client: School) -> None:
    option = await client.enrol_sms(await client.token())
    signed = (await client.log_in(tfaOptID=option, tfaResponse=await client.challenge(option), tfaSave="1")).json()
    assert (await client.log_in(tfaResponse=signed["tfaToken"])).status_code == 200
    other = "+40768248203"
    await client.enrol_sms(signed["access_token"], phone=other, code=await client.challenge(option))
    assert error(await client.log_in(tfaResponse=signed["tfaToken"])) == (403, "tfaID", 107)
    assert len(await client.options()) == 2


async def test_nobody_learns_who_has_an_account(client: School) -> None:
    unknown, wrong = await client.log_in("nobody"), await client.log_in(password="wrong")
    assert error(unknown) == error(wrong) == (403, "uaPassword", 102)
    assert unknown.content == wrong.content
    assert {*unknown.headers} == {*wrong.headers}
    who = {"uaUserName": "user-nobody", "uaPassword": "wrong", "_method": "GET"}
    assert error(await client.ask("/tfa_options", who)) == (403, "uaPassword", 103)


async def test_wrong_passwords_share_one_count_wherever_they_are_tried(client: School) -> None:
    who = {**client.who(), "uaPassword": "wrong"}
    calls = [
        *(client.log_in(password="wrong") for _ in range(10)),
        *(client.ask("/tfa_options", {**who, "_method": "GET"}) for _ in range(10)),
        *(client.ask("/tfa_challenge", {**who, "tfaOptID": "1"}) for _ in range(10)),
    ]
    answers = await at_once(calls)
    assert sum(answer.status_code == 403 for answer in answers) == 5
    assert {answer.status_code for answer in answers} == {403, 429}
    banned = await client.log_in()
    assert banned.status_code == 429
    assert 0 < int(banned.headers["retry-after"]) <= 900
    assert (await client.log_in(client.other)).status_code == 200


async def test_wrong_codes_are_counted_and_right_ones_serve_once(client: School) -> None:
    option = await client.enrol_sms(await client.token())
    code = await client.challenge(option)
    answers = await at_once([client.log_in(tfaOptID=option, tfaResponse=code) for _ in range(8)])
    assert sum(answer.status_code == 200 for answer in answers) == 1
    wrong = "000000" if code != "000000" else "111111"
    flood = await at_once([client.log_in(tfaOptID=option, tfaResponse=wrong) for _ in range(30)])
    assert sum(answer.status_code == 403 for answer in flood) <= 5
    code = await client.challenge(option)
    assert error(await client.log_in(tfaOptID=option, tfaResponse=code)) == (429, "tfaResponse", 106)


async def test_an_authenticated_stranger_gets_nowhere(client: School) -> None:
    token, stranger = await client.token(client.me), await client.token(client.other)
    option = await client.enrol_sms(token)
    listed = "/api/v2/auth/tfa_options"
    assert error(await client.site.call("GET", f"{listed}?uaID={client.me}", token=stranger)) == (403, "uaID", 101)
    assert error(await client.site.call("GET", f"{listed}?uaID=999", token=stranger)) == (403, "uaID", 101)
    assert error(await client.site.call("GET", f"{listed}?uaID={client.me}")) == (401, "", 401)
    sent = {"chUaID": client.me, "chIntent": "edit", "chPhone": "+40768248299"}
    before = client.sent
    assert error(await client.ask("/challenge_phone", sent, token=stranger)) == (403, "chUaID", 101)
    assert error(await client.ask("/challenge_phone", sent)) == (401, "", 401)
    assert error(await client.ask("/challenge_phone", sent, token=token)) == (403, "tfaID", 107)
    assert client.sent == before
    who = {**client.who(client.other), "tfaOptID": option}
    assert error(await client.ask("/tfa_challenge", who)) == (400, "tfaOptID", 103)


async def test_what_is_in_the_query_is_no_secret_and_what_is_in_the_area_stays_here(client: School) -> None:
    path, seen = "/api/v2/auth/tfa_options", len(client.site.api.seen)
    told = await client.site.call("GET", f"{path}?uaUserName=user-42&uaPassword=horse-battery")
    assert error(told) == (400, "", 400)
    assert "horse-battery" not in client.site.log
    for method, target in (
        ("PATCH", path),
        ("GET", "/api/v2/auth/"),
        ("POST", "/api/v2/auth/x"),
        ("GET", "/api/v2//auth"),
    ):
        assert (await client.site.call(method, target)).status_code in (400, 404, 405), target
    assert len(client.site.api.seen) == seen
    assert (await client.site.call("GET", "/api/v2/biblioteca")).status_code == 200


async def test_a_new_password_ends_what_was_opened_with_the_old(client: School) -> None:
    before = await client.token()
    option = await client.enrol_sms(before)
    device = (await client.log_in(tfaOptID=option, tfaResponse=await client.challenge(option), tfaSave="1")).json()
    anew = {"uaNewPassword": "another horse", "uaNewPassword2": "another horse"}
    assert error(await client.log_in(tfaResponse=device["tfaToken"], **anew)) == (403, "tfaID", 107)
    code = await client.challenge(option)
    signed = await client.token(tfaOptID=option, tfaResponse=code, **anew)
    for token, status in ((before, 401), (device["access_token"], 401), (signed, 403)):
        assert (await client.site.call("GET", "/strict", token=token)).status_code == status
    assert error(await client.log_in()) == (403, "uaPassword", 102)
    told = await client.log_in(password="another horse", tfaResponse=device["tfaToken"])
    assert error(told) == (403, "tfaID", 107)
    assert "another horse" not in client.site.log


async def test_a_mailbox_that_another_form_enrolled_is_an_option_like_any(client: School) -> None:
    await client.site.enrol(client.site.token(client.me))
    (option,) = await client.options()
    assert (option["tfaOptType"], option["tfaOptHint"]) == ("4", "1***@shop.test")
    who = {**client.who(), "tfaOptID": option["tfaOptID"]}
    assert (await client.ask("/tfa_challenge", who)).status_code == 200
    code = await client.site.mailbox.code()
    token = await client.token(tfaOptID=option["tfaOptID"], tfaResponse=code)
    assert (await client.site.call("GET", "/marks/1", token=token)).status_code == 200


async def test_a_realm_of_its_own_needs_no_other_issuer(tmp_path: Path) -> None:
    more = """
dialects:
  adservio: {enabled: true, prefix: "", hosts: [school.test], realm: pupils, errors: object}
"""
    rules = """
access_control:
  default_policy: open
  rules:
    - {name: marks, paths: ["/marks"], policy: mfa, require: if_enrolled, realms: [pupils]}
"""
    async with school(tmp_path, "7", more=more, rules=rules, realm="pupils") as client:
        who = {"uaUserName": "USER-7", "uaPassword": PASSWORD}
        host = {"host": "school.test"}
        signed = await client.site.call("POST", "/auth", json=who, headers=host)
        assert signed.status_code == 200, signed.text
        token = signed.json()["access_token"]
        assert (await client.site.call("GET", "/marks", token=token)).status_code == 200
        # The issuer's people are others, and have nothing to do here.
        stranger = await client.site.call("GET", "/auth/tfa_options?uaID=7", token=client.site.token("7"), headers=host)
        assert (stranger.status_code, stranger.json()["errors"][0]["field"]) == (403, "uaID")
        assert (await client.site.call("POST", "/auth", json=who)).json() == {"api": "was here"}


async def test_wrong_codes_share_one_count_wherever_they_are_tried(client: School) -> None:
    option = await client.enrol_sms(await client.token())
    code = await client.challenge(option)
    wrong = "000000" if code != "000000" else "111111"
    other = client.site.token(client.me)
    gone = {"uaID": client.me, "tfaOptID": option, "uaPassword": PASSWORD, "_method": "DELETE", "tfaResponse": wrong}
    sent = {"chUaID": client.me, "chIntent": "edit", "chPhone": "+40768248299", "tfaResponse": wrong}
    assert error(await client.log_in(tfaOptID=option, tfaResponse=wrong)) == (403, "tfaResponse", 106)
    assert error(await client.ask("/tfa_options", gone, token=other)) == (403, "tfaResponse", 106)
    assert error(await client.ask("/challenge_phone", sent, token=other)) == (403, "tfaResponse", 106)
    assert error(await client.site.call("GET", "/api/v2/auth/totp", token=other, code=wrong))[1:] == (
        "tfaResponse",
        106,
    )
    assert (await client.site.call("GET", "/marks/1", token=other, code=wrong)).status_code == 403
    for answer in (
        await client.log_in(tfaOptID=option, tfaResponse=code),
        await client.ask("/tfa_options", {**gone, "tfaResponse": code}, token=other),
        await client.site.call("GET", "/marks/1", token=other, code=code),
    ):
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0


async def test_what_was_begun_is_finished_once_and_by_its_owner(client: School) -> None:
    token, other = await client.token(client.me), await client.token(client.other)
    sent = {"chUaID": client.me, "chIntent": "edit", "chPhone": NUMBER}
    begun = (await client.ask("/challenge_phone", sent, token=token)).json()["chID"]
    code = client.sms()
    said = {"tfaOptType": "1", "chID": begun, "chResponse": code}
    assert error(await client.ask("/tfa_options", {**said, "uaID": client.other}, token=other)) == (400, "chID", 102)
    own = {**said, "uaID": client.me}
    assert error(await client.ask("/tfa_options", {**own, "chID": "1"}, token=token)) == (400, "chID", 102)
    answers = await at_once([client.ask("/tfa_options", own, token=token) for _ in range(6)])
    assert sum(answer.status_code == 200 for answer in answers) == 1
    assert error(await client.ask("/tfa_options", own, token=token)) == (400, "chID", 102)
    assert error(await client.ask("/challenge_phone", sent, token=token)) == (403, "tfaID", 107)
