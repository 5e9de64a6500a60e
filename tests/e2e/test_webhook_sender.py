"""Codes that travel through a service of the operator's own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.installation import Installation, answer
from tests.senders.webhooks import Service, replies

pytestmark = pytest.mark.processes

SECRET = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    running = Service()
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def installation(tmp_path: Path, service: Service) -> AsyncIterator[Installation]:
    webhook = f"email: {{webhook: {{url: '{service.url}', secret_file: ./webhook-secret, timeout: 2s}}}}"
    async with Installation(tmp_path) as running:
        (tmp_path / "webhook-secret").write_bytes(SECRET)
        lines = running.config.read_text().splitlines()
        [mail] = [index for index, line in enumerate(lines) if line.startswith("  email: {smtp:")]
        lines[mail] = f"  {webhook}"
        running.config.write_text("\n".join(lines))
        await running.start()
        yield running


def last_code(service: Service) -> dict[str, Any]:
    """The last message with a code. Notices of what was changed come at their own time."""
    return [post.document for post in service.posts if "code" in post.document][-1]


async def test_a_code_from_the_webhook_opens_the_gate(installation: Installation, service: Service) -> None:
    token = installation.token()
    assert (await installation.ceremony("type-activate", token=token)).status_code == 204
    activation = last_code(service)
    assert (activation["to"], activation["purpose"]) == ("ada@shop.test", "activate")
    assert (await installation.ceremony("type-verify", token=token, code=activation["code"])).status_code == 204

    await installation.ceremony("trigger", token=token)
    code = last_code(service)["code"]
    response = await installation.call("PATCH", "/customer-password/42", token=token, code=code)

    assert response.status_code == 200
    assert sum("code" in post.document for post in service.posts) == 2


async def test_a_code_that_the_service_refused_is_void(installation: Installation, service: Service) -> None:
    token = installation.token()
    service.answer = replies("503 Busy", "Content-Length: 0")

    assert answer(await installation.ceremony("type-activate", token=token)) == "503/5910"

    refused = service.posts[-1].document["code"]
    assert answer(await installation.ceremony("type-verify", token=token, code=refused)) == "403/5901"
    assert refused not in installation.log
    assert "ada@shop.test" not in installation.log
    assert "the message was refused (503)" in installation.log


async def test_a_service_that_stalls_holds_up_a_stop_no_longer_than_its_deadline(
    installation: Installation, service: Service
) -> None:
    arrived = asyncio.Event()

    async def stalling(_: asyncio.StreamWriter) -> None:
        arrived.set()
        await asyncio.Event().wait()

    service.answer = stalling
    asking = asyncio.get_running_loop().create_task(installation.ceremony("type-activate", token=installation.token()))
    async with asyncio.timeout(10):
        await arrived.wait()
        await installation.stop()
    assert answer(await asking) == "503/5910"
