"""Authenticators, backup codes and operators, against gateway processes with a real store and real mails."""

import base64
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from mfa_gateway.core.ceremony import Action, Failed, Pending
from mfa_gateway.core.verdict import Reason
from mfa_gateway.state import StoreSettings, open_store
from tests.e2e.installation import Installation, answer
from tests.e2e.valkey import Valkey
from tests.state.playing import ACCOUNT, Stage, caller
from tests.state.world import PATIENCE

pytestmark = pytest.mark.processes

RULES = """
access_control:
  default_policy: open
  rules:
    - {name: window, paths: ["/window"], policy: mfa}
    - {name: every-time, paths: ["/every-time"], policy: mfa, grace: 0s}
    - {name: app-only, paths: ["/app-only"], policy: mfa, grace: 0s, factors: [totp]}
    - {name: paper-too, paths: ["/paper-too"], policy: mfa, grace: 0s, factors: [totp, backup]}
"""
ADA = ("--realm", "shop", "--subject", "ada")


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    async with Installation(tmp_path, rules=RULES) as running:
        await running.start()
        yield running


async def said(installation: Installation, *words: str, expected: int = 0) -> str:
    """What an operator's command prints."""
    process = await installation.command("accounts", "factors", *words, *ADA)
    output, _ = await process.communicate()
    assert process.returncode == expected, output.decode() + installation.log
    return output.decode()


async def test_an_operator_adds_an_authenticator_that_opens_the_gate(installation: Installation) -> None:
    token = installation.token()
    printed = await said(installation, "add", "totp", "--name", "Her telephone")
    assert "█" in printed
    uri = re.search(r"otpauth://\S+", printed)
    assert uri is not None
    secret = parse_qs(urlsplit(uri.group()).query)["secret"][0]
    code = pyotp.TOTP(secret).now()
    assert answer(await installation.call("GET", "/app-only", token=token, code=code)) == "200"
    assert answer(await installation.call("GET", "/app-only", token=token, code=code)) == "403/5901"
    listed = await said(installation, "list")
    assert re.search(
        r"totp [0-9a-f]{24}, Her telephone, added 20.. UTC, last used 20", re.sub(r"20\d\d-\S+ \S+", "20..", listed)
    )
    assert secret not in listed + installation.log
    assert '"audit":true' in installation.log.replace(" ", "")


async def test_backup_codes_open_the_gate_once_each_where_a_rule_takes_them(installation: Installation) -> None:
    token = installation.token()
    await said(installation, "backup-codes", expected=1)
    await said(installation, "add", "totp")
    codes = re.findall(r"^  ([A-Z2-7]{10})$", await said(installation, "backup-codes"), re.MULTILINE)
    assert len(codes) == 10
    assert answer(await installation.call("GET", "/every-time", token=token, code=codes[0])) == "200"
    assert answer(await installation.call("GET", "/every-time", token=token, code=codes[0])) == "403/5901"
    assert answer(await installation.call("GET", "/paper-too", token=token, code=codes[1].lower())) == "200"
    assert answer(await installation.call("GET", "/app-only", token=token, code=codes[2])) == "403/5901"
    assert "backup codes left: 8" in await said(installation, "list")
    again = re.findall(r"^  ([A-Z2-7]{10})$", await said(installation, "backup-codes"), re.MULTILINE)
    assert answer(await installation.call("GET", "/every-time", token=token, code=codes[3])) == "403/5901"
    assert answer(await installation.call("GET", "/every-time", token=token, code=again[0])) == "200"


async def test_an_operator_adds_lists_and_removes_addresses(installation: Installation) -> None:
    token = installation.token()
    await said(installation, "add", "email", "--address", "ada@home.test")
    await said(installation, "add", "email", "--address", "ada@work.test", "--name", "Work")
    await said(installation, "add", "email", "--address", "ada@WORK.test", expected=1)
    await said(installation, "add", "email", "--address", "nonsense", expected=2)
    listed = await said(installation, "list")
    assert "a***@home.test" in listed
    assert "ada@" not in listed
    await installation.fresh_code(token)
    assert installation.mailbox.messages[-1][0] == "ada@home.test"
    first = re.findall(r"email ([0-9a-f]{24})", listed)[0]
    await said(installation, "remove", "email", "--id", first)
    await said(installation, "remove", "email", "--id", first, expected=1)
    await installation.fresh_code(token)
    assert installation.mailbox.messages[-1][0] == "ada@work.test"


async def test_an_operator_gives_nobody_a_device(installation: Installation) -> None:
    await said(installation, "add", "push", expected=2)
    assert "opts in by itself" in " ".join(installation.log.split())
    await said(installation, "remove", "push", expected=1)


async def test_the_owner_is_told_by_mail_of_what_was_added_and_removed(installation: Installation) -> None:
    token = installation.token()
    code = await installation.enrol(token)
    await installation.ceremony("type-deactivate", token=token, code=code)
    subjects = [subject for address, subject, _ in installation.mailbox.messages if address == "ada@shop.test"]
    assert subjects[1:] == ["A second step was added at Example", "A second step was removed at Example"]


# --- One budget, two gateways ---------------------------------------------------------------------


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[Installation, Installation, Valkey]]:
    """Two gateways on one store, with the same keys."""
    async with AsyncExitStack() as stack:
        valkey = await stack.enter_async_context(Valkey(tmp_path / "v"))
        running = []
        for name in "ab":
            (tmp_path / name).mkdir()
            one = await stack.enter_async_context(Installation(tmp_path / name, rules=RULES, store=valkey.url))
            running.append(one)
        (tmp_path / "b" / "keys").write_text((tmp_path / "a" / "keys").read_text())
        for one in running:
            await one.start()
        yield running[0], running[1], valkey


async def test_r07_wrong_codes_over_every_way_and_two_gateways_ban_after_five_in_all(
    pair: tuple[Installation, Installation, Valkey],
) -> None:
    one, other, valkey = pair
    token = one.token()
    await one.enrol(token)
    right = await one.fresh_code(token)
    stranger = {"token": one.token(sid="a session that never proved")}
    key = base64.b64decode((one.folder / "keys").read_text())
    store = await open_store(StoreSettings(valkey.url, (key,), timeout=PATIENCE, connect_timeout=PATIENCE))
    try:
        # Whichever dialect asks for these, they share the budget.
        stage = Stage(None, store)  # type: ignore[arg-type] # nothing here lets time pass
        epoch = (await stage.standing()).epoch
        pending = await store.enrol_secret(ACCOUNT, secret=bytes(20), profile=stage.terms.totp, epoch=epoch)
        assert isinstance(pending, Pending)
        confirm = {"factor_name": "totp", "ticket": pending.id}

        assert answer(await one.call("GET", "/every-time", code="000001", **stranger)) == "403/5901"
        assert answer(await other.call("GET", "/every-time", code="ZZZZZZZZZZ", **stranger)) == "403/5901"
        assert answer(await other.ceremony("type-deactivate", code="000003", **stranger)) == "403/5901"
        wrong = await stage.carry_out(Action.CONFIRM, caller("stranger"), code="0000004", **confirm)
        assert isinstance(wrong, Failed)
        assert (wrong.reason, wrong.retry_after_ms) == (Reason.CODE_INVALID, 0)
        banned = await one.call("GET", "/every-time", code="ZZZZZZZZZY", **stranger)
        assert int(banned.headers["retry-after"]) > 800

        for _ in range(2):
            for gateway in (one, other):
                refused = await gateway.call("GET", "/every-time", code=right, **stranger)
                assert answer(refused) == "403/5901"
                assert int(refused.headers["retry-after"]) > 700
            under_ban = await stage.carry_out(Action.CONFIRM, caller("stranger"), code="0000005", **confirm)
            assert isinstance(under_ban, Failed)
            assert under_ban.reason is Reason.BANNED
            for gateway in (one, other):
                await gateway.kill()
                await gateway.restart()
        # The session that proved has attempts of its own.
        assert answer(await other.call("GET", "/every-time", token=token, code=right)) == "200"
    finally:
        await store.close()
