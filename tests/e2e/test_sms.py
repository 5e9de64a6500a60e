"""Codes by SMS through the ordinary command, handed to a service by the signed webhook."""

import hashlib
import hmac
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.installation import Installation, answer
from tests.senders.webhooks import Post, Service

pytestmark = pytest.mark.processes

SECRET = b"0123456789abcdef0123456789abcdef"
NUMBER = "+491701234567"

Open = Callable[..., Awaitable[Installation]]


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    running = Service()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def install(tmp_path: Path, service: Service) -> AsyncIterator[Open]:
    """An installation that offers SMS, running unless told otherwise."""
    async with AsyncExitStack() as stack:

        async def opening(*, limits: str = "{}", dry_run: bool = False, is_started: bool = True) -> Installation:
            installation = await stack.enter_async_context(
                Installation(tmp_path, more="factors: {sms: {enabled: true, countries: [DE]}}")
            )
            (tmp_path / "webhook-secret").write_bytes(SECRET)
            webhook = f"{{url: '{service.url}', secret_file: ./webhook-secret, timeout: 2s}}"
            added = [f"  sms: {{webhook: {webhook}}}", f"  dry_run: {str(dry_run).lower()}"]
            lines = [line for line in installation.config.read_text().splitlines() if line[:12] != "rate_limits:"]
            place = next(index for index, line in enumerate(lines, 1) if line.startswith("  email:"))
            kept = [*lines[:place], *added, *lines[place:], f"rate_limits: {limits}"]
            installation.config.write_text("\n".join(kept))
            if is_started:
                await installation.start()
            return installation

        yield opening


def token(installation: Installation, subject: str = "ada", phone: str = NUMBER, **claims: Any) -> str:
    return installation.token(subject, phone_number=phone, phone_number_verified=True, **claims)


def is_signed(post: Post) -> bool:
    signed = b".".join((post.fields["webhook-id"].encode(), post.fields["webhook-timestamp"].encode(), post.body))
    version, _, value = post.fields["webhook-signature"].partition(",")
    return version == "v1" and b64decode(value) == hmac.new(SECRET, signed, hashlib.sha256).digest()


async def enrol(installation: Installation, service: Service, bearer: str) -> None:
    assert answer(await installation.ceremony("type-activate", token=bearer, factor="sms")) == "204"
    code = service.posts[-1].document["code"]
    assert answer(await installation.ceremony("type-verify", token=bearer, code=code, factor="sms")) == "204"


async def test_a_code_by_sms_activates_and_another_opens_the_gate(install: Open, service: Service) -> None:
    installation = await install()
    bearer = token(installation, phone="0049 170-1234567", locale="de_AT")

    assert answer(await installation.ceremony("type-activate", token=bearer, factor="sms")) == "204"
    [activation] = service.posts
    assert is_signed(activation)
    assert (activation.document["channel"], activation.document["to"]) == ("sms", NUMBER)
    assert (activation.document["purpose"], activation.document["language"]) == ("activate", "de")
    assert activation.document["text"].startswith(f"{activation.document['code']} ist Ihr Code")
    code = activation.document["code"]
    assert answer(await installation.ceremony("type-verify", token=bearer, code="000000", factor="sms")) == "403/5901"
    assert answer(await installation.ceremony("type-verify", token=bearer, code=code, factor="sms")) == "204"

    # The token of another session says another number: codes go to the one that is pinned.
    elsewhere = token(installation, phone="+4915112345678", sid="another")
    assert answer(await installation.ceremony("trigger", token=elsewhere, factor="sms")) == "204"
    assert service.posts[-1].document["to"] == NUMBER
    code = service.posts[-1].document["code"]
    response = await installation.call("PATCH", "/customer-password/42", token=elsewhere, code=code)
    assert response.status_code == 200
    assert NUMBER[3:] not in installation.log


async def test_a_number_that_is_not_written_to_is_not_found(install: Open, service: Service) -> None:
    installation = await install()
    for phone in ("+436641234567", "+41791234567", "+499001234567", "+4930123456", "0170 1234567"):
        bearer = token(installation, f"owner of {phone}", phone=phone)
        assert answer(await installation.ceremony("type-activate", token=bearer, factor="sms")) == "400/5906", phone
        listed = (await installation.call("GET", "/multi-factor-auth-types", token=bearer)).json()["data"]
        assert {"type": "sms", "status": "deactivated"} in [entry["attributes"] for entry in listed]
    unverified = installation.token(phone_number=NUMBER, phone_number_verified=False)
    assert answer(await installation.ceremony("type-activate", token=unverified, factor="sms")) == "400/5906"
    assert service.posts == []


async def test_a_prefix_has_its_limit_and_mails_go_on(install: Open, service: Service) -> None:
    installation = await install(limits="{send_per_prefix: [{requests: 2, period: 1h}]}")
    for number in range(2):
        bearer = token(installation, f"user-{number}", phone=f"+49170123000{number}")
        assert answer(await installation.ceremony("type-activate", token=bearer, factor="sms")) == "204"
    third = token(installation, "user-3", phone="+491701230003")
    response = await installation.ceremony("type-activate", token=third, factor="sms")
    assert answer(response) == "429/5910"
    assert int(response.headers["retry-after"]) > 3000
    assert len(service.posts) == 2
    assert answer(await installation.ceremony("type-activate", token=third)) == "204"


async def test_a_country_from_which_no_code_comes_back_is_stopped_loudly(install: Open, service: Service) -> None:
    installation = await install(
        limits="{send_total: [{requests: 100, period: 1h}], conversion: {least_sent: 3, least_rate: 0.5, stop: 10m}}"
    )
    honest = token(installation, "honest", phone="+4915112345678")
    await enrol(installation, service, honest)
    for number in range(2):
        bearer = token(installation, f"user-{number}", phone=f"+49170123000{number}")
        assert answer(await installation.ceremony("type-activate", token=bearer, factor="sms")) == "204"

    response = await installation.ceremony("trigger", token=honest, factor="sms")

    assert answer(response) == "429/5910"
    assert 0 < int(response.headers["retry-after"]) <= 600
    assert len(service.posts) == 3
    assert "alarm: nothing is sent to this country" in installation.log
    assert '"country":"DE"' in installation.log


async def test_a_dry_run_sends_nothing_and_is_answered_as_if_it_did(install: Open, service: Service) -> None:
    installation = await install(dry_run=True)
    bearer = token(installation)
    assert answer(await installation.ceremony("type-activate", token=bearer, factor="sms")) == "204"
    assert answer(await installation.ceremony("type-activate", token=bearer)) == "204"
    assert (service.posts, installation.mailbox.messages) == ([], [])
    assert "senders.dry_run: nothing is sent" in installation.log
    assert "DRY RUN: this message was not sent" in installation.log


async def test_check_says_what_should_not_be_overlooked(install: Open) -> None:
    installation = await install(dry_run=True, is_started=False)
    process = await installation.command("check")
    output, _ = await process.communicate()
    assert process.returncode == 0
    assert "Caution: senders.dry_run" in output.decode()
    assert "Caution: factors.sms" in output.decode()


async def test_an_operator_pins_a_number_in_its_one_form_or_none(install: Open, service: Service) -> None:
    installation = await install()
    await installation.run("accounts", "add", "--subject", "ada", "--phone", "0049 170/1234567", "--factor", "sms")
    bearer = token(installation, phone="+4915112345678")
    assert answer(await installation.ceremony("trigger", token=bearer, factor="sms")) == "204"
    assert service.posts[-1].document["to"] == NUMBER

    process = await installation.command("accounts", "add", "--subject", "bob", "--phone", "+499001234567")
    await process.communicate()
    assert process.returncode == 2
    assert "it is no mobile number" in " ".join(installation.log.split())
