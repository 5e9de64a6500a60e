"""Codes of four digits, against a gateway process with a real store and real mails."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e.installation import Installation, answer

pytestmark = pytest.mark.processes

CHANGE = ("PATCH", "/customer-password/42")
DAY = 24 * 3600
# Attempts enough that only the stricter numbers hold anybody up.
LENIENT = "regulation: {max_retries: 100}\n"


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    async with Installation(tmp_path, more=LENIENT) as running:
        text = running.config.read_text()
        running.config.write_text(text.replace("codes: {", "codes: {length: 4, "))
        running.mailbox.digits = 4
        await running.start()
        yield running


def never_sent(installation: Installation) -> Iterator[str]:
    """Codes that were in no mail, each another one."""
    mails = " ".join(text for _, _, text in installation.mailbox.messages)
    return (code for code in (f"{number:04d}" for number in range(10_000)) if code not in mails)


async def enrolled(installation: Installation) -> str:
    """The token of an account with e-mail, which somebody else proved with a token of their own."""
    code = await installation.enrol(installation.token(sid="another session"))
    assert (len(code), code.isdigit()) == (4, True)
    return installation.token()


async def tried(installation: Installation, token: str, code: str) -> str:
    return answer(await installation.call(*CHANGE, token=token, code=code))


async def test_the_right_code_passes_at_the_third_try(installation: Installation) -> None:
    token = await enrolled(installation)
    code = await installation.fresh_code(token)
    wrong = never_sent(installation)

    assert [await tried(installation, token, next(wrong)) for _ in range(2)] == ["403/5901"] * 2
    assert await tried(installation, token, code) == "200"


async def test_after_three_wrong_ones_the_right_code_is_refused_and_a_new_one_passes(
    installation: Installation,
) -> None:
    token = await enrolled(installation)
    code = await installation.fresh_code(token)
    wrong = never_sent(installation)

    assert [await tried(installation, token, next(wrong)) for _ in range(3)] == ["403/5901"] * 3
    assert [await tried(installation, token, code) for _ in range(8)] == ["403/5901"] * 8
    assert await tried(installation, token, await installation.fresh_code(token)) == "200"


async def test_ten_wrong_ones_in_a_day_bring_a_ban_that_survives_a_restart(installation: Installation) -> None:
    token = await enrolled(installation)
    refused = []
    for _ in range(5):
        await installation.fresh_code(token)
        wrong = never_sent(installation)
        refused += [await installation.call(*CHANGE, token=token, code=next(wrong)) for _ in range(2)]
    assert [answer(one) for one in refused] == ["403/5901"] * 10
    assert ["retry-after" in one.headers for one in refused] == [False] * 9 + [True]
    assert DAY - 120 < int(refused[-1].headers["retry-after"]) <= DAY

    await installation.stop()
    await installation.restart()
    right = await installation.call(*CHANGE, token=token, code=await installation.fresh_code(token))

    assert answer(right) == "403/5901"
    assert DAY - 120 < int(right.headers["retry-after"]) <= DAY
    assert installation.api.seen == []


async def test_an_activation_survives_two_wrong_tries_and_not_three(installation: Installation) -> None:
    token = installation.token()
    for tries, then in ((3, "403/5901"), (2, "204")):
        assert (await installation.ceremony("type-activate", token=token)).status_code == 204
        code = await installation.mailbox.code()
        wrong = never_sent(installation)
        for _ in range(tries):
            refused = await installation.ceremony("type-verify", token=token, code=next(wrong))
            assert answer(refused) == "403/5901"
        assert answer(await installation.ceremony("type-verify", token=token, code=code)) == then


async def test_whoever_starts_it_is_told(installation: Installation) -> None:
    assert "codes.length: a code of 4 digits is guessed by one try in 10,000" in installation.log
    check = await installation.command("check")
    output, _ = await check.communicate()
    assert check.returncode == 0
    assert "one try in 10,000" in " ".join(output.decode().split())
