"""Accounts by file and logins, as an operator has them: the ordinary commands, beside a gateway and without one."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from signal import SIGKILL

import pytest

from tests.directory.hooks import SECRET, Question, Reply, System, says
from tests.e2e.installation import Installation, answer

pytestmark = pytest.mark.processes

LIMIT = 60.0
PASSWORD = "correct horse battery staple"
ADA = {
    "realm": "shop",
    "subject": "ada",
    "login_ids": ["Ada@Shop.test"],
    "password": PASSWORD,
    "email": "ada@shop.test",
    "email_verified": True,
    "locale": "de",
    "factors": [{"type": "email", "state": "active"}],
    "profile": {"name": "Ada Lovelace"},
}
BOB = {"realm": "shop", "subject": "bob", "disabled": True}


class Ended:
    """A command that has come to its end."""

    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code, self.out, self.err = code, out.decode(), err.decode()


async def accounts(running: Installation, *words: str, said: bytes = b"") -> Ended:
    """One `mfa-gateway accounts …`, with what is said to it on standard input."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MFA_GATEWAY_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mfa_gateway", "accounts", *words, "--config", str(running.config),
        env=environ, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(LIMIT):
        out, err = await process.communicate(said)
    assert process.returncode is not None
    return Ended(process.returncode, out, err)


def lines(*documents: object) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    async with Installation(tmp_path) as running:
        text = running.config.read_text().replace("source: claims", "source: store")
        running.config.write_text(text)
        yield running


# --- Files ------------------------------------------------------------------------------------


async def test_accounts_that_are_brought_in_are_taken_out_again_without_their_secrets(
    installation: Installation,
) -> None:
    file = installation.folder / "accounts.ndjson"
    file.write_bytes(lines(ADA, BOB))
    ended = await accounts(installation, "import", str(file))
    assert (ended.code, ended.out) == (0, "2 accounts brought in: 2 new, 0 changed, 0 as they were.\n")

    taken = installation.folder / "taken.ndjson"
    assert (await accounts(installation, "export", str(taken))).code == 0
    assert taken.stat().st_mode & 0o077 == 0
    written = {line["subject"]: line for line in map(json.loads, taken.read_text().splitlines())}
    assert written["ada"] == {
        **{key: value for key, value in ADA.items() if key != "password"},
        "login_ids": ["ada@shop.test"],
        "phone": None,
        "phone_verified": False,
        "disabled": False,
    }
    assert written["bob"]["disabled"]
    assert PASSWORD not in taken.read_text()
    assert "argon2" not in taken.read_text()

    ended = await accounts(installation, "import", str(taken))
    assert (ended.code, ended.out) == (0, "2 accounts brought in: 0 new, 0 changed, 2 as they were.\n")


async def test_bad_lines_are_told_by_their_numbers_and_good_ones_count(installation: Installation) -> None:
    content = lines(ADA) + b"not json\n\n" + lines({"realm": "fair", "subject": "", "email": "x", "tall": 1}, BOB)
    ended = await accounts(installation, "import", "-", said=content)
    assert ended.code == 1
    assert ended.out == "2 accounts brought in: 2 new, 0 changed, 0 as they were; 2 lines were bad.\n"
    first, second = ended.err.splitlines()
    assert first == "line 2: is not JSON"
    assert second.startswith('line 4: "tall": there is no such key; email: is no plain mail address; realm: must be')
    assert (await accounts(installation, "export")).out.count("\n") == 2


async def test_accounts_are_brought_in_beside_a_running_gateway_and_count_at_once(installation: Installation) -> None:
    await installation.start()
    token = installation.token()
    assert (await installation.call("PATCH", "/customer-password/1", token=token)).status_code == 403
    assert (await accounts(installation, "import", "-", said=lines(ADA))).code == 0
    code = await installation.fresh_code(token)
    assert installation.mailbox.messages[-1][0] == "ada@shop.test"
    response = await installation.call("PATCH", "/customer-password/1", token=token, code=code)
    assert answer(response) == "200"

    assert (await accounts(installation, "import", "-", said=lines(ADA))).code == 0
    assert answer(await installation.call("PATCH", "/customer-password/1", token=token)) == "200"
    assert (await accounts(installation, "import", "-", said=lines({**ADA, "disabled": True}))).code == 0
    assert (await installation.call("PATCH", "/customer-password/1", token=token)).status_code == 403


async def test_what_was_brought_in_survives_a_kill_of_everything(installation: Installation) -> None:
    await installation.start()
    assert (await accounts(installation, "import", "-", said=lines(ADA, BOB))).code == 0
    pid = int((installation.folder / "data" / "store.pid").read_text())
    os.kill(pid, SIGKILL)
    await installation.kill()
    before = (await accounts(installation, "export")).out
    assert before.count("\n") == 2
    ended = await accounts(installation, "login", "ada@shop.test", said=f"{PASSWORD}\n".encode())
    assert ended.code == 0


async def test_an_empty_file_and_a_missing_one(installation: Installation) -> None:
    assert (await accounts(installation, "import", "-")).out.startswith("0 accounts brought in")
    assert (await accounts(installation, "import", str(installation.folder / "none"))).code == 2


# --- Logins -----------------------------------------------------------------------------------


async def test_a_password_is_checked_from_standard_input(installation: Installation) -> None:
    await accounts(installation, "import", "-", said=lines(ADA, {**BOB, "login_ids": ["bob"], "password": "bobs"}))
    ended = await accounts(installation, "login", "ADA@shop.test", "--realm", "shop", said=PASSWORD.encode() + b"\n")
    assert (ended.code, ended.out) == (0, "This is ada of realm shop.\n")
    for login, said in (("ada@shop.test", b"wrong\n"), ("nobody", PASSWORD.encode()), ("ada@shop.test", b"")):
        ended = await accounts(installation, "login", login, said=said)
        assert (ended.code, ended.out) == (1, "")
        assert ended.err == "Login id and password do not belong together.\n"
    ended = await accounts(installation, "login", "bob", said=b"bobs\n")
    assert (ended.code, ended.err) == (1, "The password is right, and bob of realm shop is disabled.\n")


async def test_the_login_of_an_operators_own_system_is_asked(installation: Installation) -> None:
    def known(question: Question) -> Reply:
        is_right = question.document == {"realm": "shop", "login": "Ada", "password": PASSWORD}
        return says(subject="ada") if is_right else Reply(401)

    system = System(answer=known)
    await system.start()
    (installation.folder / "login.secret").write_bytes(SECRET)
    asked = f"credentials: {{source: http, url: '{system.url}', secret_file: ./login.secret}}\n"
    installation.config.write_text(installation.config.read_text() + asked)
    ended = await accounts(installation, "login", "Ada", said=PASSWORD.encode() + b"\r\n")
    assert (ended.code, ended.out) == (0, "This is ada of realm shop.\n")
    ended = await accounts(installation, "login", "Ada", said=b"wrong\n")
    assert ended.code == 1
    system.answer = lambda _: Reply(500)
    ended = await accounts(installation, "login", "Ada", said=PASSWORD.encode())
    assert ended.code == 1
    assert "status 500" in ended.err
    assert PASSWORD not in ended.err
    assert (len(system.questions), system.forged) == (3, [])
    await system.stop()


async def test_a_password_is_in_no_log_and_in_no_file_of_the_store(installation: Installation) -> None:
    await installation.start()
    await accounts(installation, "import", "-", said=lines(ADA))
    ended = await accounts(installation, "login", "ada@shop.test", said=PASSWORD.encode())
    assert PASSWORD not in ended.out + ended.err + installation.log
    dumped = b"".join(path.read_bytes() for path in (installation.folder / "data").rglob("*") if path.is_file())
    assert dumped
    for secret in (PASSWORD, "argon2id", "ada@shop.test", "Lovelace"):
        assert secret.encode() not in dumped
