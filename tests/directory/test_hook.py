"""The hook against a real server, which checks every signature over the bytes that arrive."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from mfa_gateway.directory.hook import MAX_BYTES, Hook, HookAnswer, HookAway, HookFailed, HookTerms, read_object
from tests.directory.hooks import HANG_UP, SECRET, Reply, System, says

LIMIT = 5.0

Open = Callable[..., Hook]


@pytest.fixture
async def opened(system: System) -> AsyncIterator[Open]:
    made: list[Hook] = []

    def opening(**changes: Any) -> Hook:
        made.append(Hook(HookTerms(**{"url": system.url, "secret": SECRET, "timeout": LIMIT, **changes})))
        return made[-1]

    yield opening
    for hook in made:
        await hook.close()


# --- Terms ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["ftp://people.test/", "http://", "people.test", "http://me:word@people.test/", "http://people.test/#x"]
)
def test_a_url_that_cannot_be_asked_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must begin with http"):
        HookTerms(url, SECRET)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        HookTerms("http://people.test/", b"x" * 31)


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan")])
def test_there_is_some_time(timeout: float) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        HookTerms("http://people.test/", SECRET, timeout)


def test_terms_show_neither_secret_nor_url() -> None:
    terms = HookTerms("http://people.test/x?key=of-its-own", SECRET)
    assert "of-its-own" not in repr(terms) + terms.place
    assert "secret of" not in repr(terms)


# --- Questions --------------------------------------------------------------------------------


async def test_a_question_is_signed_over_method_and_target(system: System, opened: Open) -> None:
    await opened().get({"realm": "shop", "subject": "ada"})
    assert system.forged == []
    [question] = system.questions
    assert (question.method, question.target) == ("GET", "/people?realm=shop&subject=ada")


@pytest.mark.parametrize("subject", ["a b+c&d=e/f?g#h%20", "\u00e4\U0001f600", "..", "a;b", '"<>^`{|}', "x" * 255])
async def test_every_character_of_a_name_arrives_and_is_signed(system: System, opened: Open, subject: str) -> None:
    await opened().get({"realm": "shop", "subject": subject})
    assert system.forged == []
    assert system.questions[0].asked == {"realm": "shop", "subject": subject}


async def test_parameters_of_the_url_stay(system: System, opened: Open) -> None:
    await opened(url=f"{system.url}?key=k%20k").get({"realm": "shop"})
    assert system.questions[0].target == "/people?key=k%20k&realm=shop"


async def test_a_body_is_signed_as_it_is_sent(system: System, opened: Open) -> None:
    await opened().post({"login": "ad\u00e4", "password": 'p"\\\u20ac'})
    assert system.forged == []
    [question] = system.questions
    assert question.document == {"login": "ad\u00e4", "password": 'p"\\\u20ac'}
    assert question.fields["content-type"] == "application/json"


async def test_another_secret_is_not_believed(system: System, opened: Open) -> None:
    assert await opened(secret=b"y" * 32).get({"realm": "shop"}) == HookAnswer(403)
    assert system.questions == []


async def test_ids_are_never_used_twice(system: System, opened: Open) -> None:
    hook = opened()
    for _ in range(3):
        await hook.get({})
        await hook.post({})
    assert len({question.fields["webhook-id"] for question in system.questions}) == 6


# --- Answers ----------------------------------------------------------------------------------


async def test_the_body_of_a_good_answer_is_read(system: System, opened: Open) -> None:
    system.answer = lambda _: says(email="a@b.test")
    assert await opened().get({}) == HookAnswer(200, b'{"email": "a@b.test"}')


async def test_the_body_of_another_answer_is_not(system: System, opened: Open) -> None:
    system.answer = lambda _: Reply(404, b"x" * 2 * MAX_BYTES)
    assert await opened().get({}) == HookAnswer(404)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(200, b"x" * (MAX_BYTES + 1)), "larger than"),
        (Reply(200, gzip.compress(b"{}"), "content-encoding: gzip\r\n"), "compressed"),
    ],
)
async def test_an_answer_that_is_too_much_is_none(system: System, opened: Open, reply: Reply, why: str) -> None:
    system.answer = lambda _: reply
    with pytest.raises(HookFailed, match=why):
        await opened().get({})


async def test_nobody_is_followed_elsewhere(system: System, opened: Open) -> None:
    system.answer = lambda _: Reply(302, b"", f"location: {system.url}/elsewhere\r\n")
    assert (await opened().get({})).status == 302
    assert len(system.questions) == 1


async def test_what_takes_too_long_ends_at_the_deadline(system: System, opened: Open) -> None:
    system.held = asyncio.Event()
    with pytest.raises(HookAway, match="in time"):
        await opened(timeout=0.05).get({})


async def test_a_system_that_is_not_there_is_away(system: System, opened: Open) -> None:
    await system.stop()
    with pytest.raises(HookAway, match="could not be reached"):
        await opened().get({})


async def test_a_kept_connection_that_was_closed_is_replaced(system: System, opened: Open) -> None:
    hook = opened()
    await hook.get({})
    assert system.connections == 1
    system.drop()
    assert await hook.get({}) == HookAnswer(404)
    assert len(system.questions) == 2


async def test_questions_share_a_connection_and_posts_do_not(system: System, opened: Open) -> None:
    hook = opened()
    for _ in range(3):
        await hook.get({})
    assert system.connections == 1
    for _ in range(3):
        await hook.post({})
    assert system.connections == 4


async def test_a_post_that_broke_is_not_sent_again(system: System, opened: Open) -> None:
    system.answer = lambda _: HANG_UP
    with pytest.raises(HookAway, match="broke"):
        await opened().post({"password": "hunter2hunter2"})
    assert len(system.questions) == 1


async def test_no_error_repeats_the_question(system: System, opened: Open) -> None:
    system.answer = lambda _: HANG_UP
    with pytest.raises(HookAway) as caught:
        await opened(url=f"{system.url}?key=of-its-own").post({"password": "hunter2hunter2"})
    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter2" not in str(error)
        assert "of-its-own" not in str(error)
        assert error.__suppress_context__
        error = error.__cause__


# --- Reading ----------------------------------------------------------------------------------


def test_an_object_is_read() -> None:
    assert read_object(b'{"a": [1, null]}') == {"a": [1, None]}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{", b'{"a": 1, "a": 2}', b'{"a": NaN}', b"\xff", b"[" * 100_000, b'{"a":' * 100_000]
)
def test_what_could_be_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(HookFailed, match="JSON object"):
        read_object(body)
