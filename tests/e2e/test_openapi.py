"""The OpenAPI document: valid, complete, and kept by a running gateway, as schemathesis finds by asking a lot of it."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from tests.e2e.installation import Installation

pytestmark = pytest.mark.processes

# Wrong codes are what it sends most: were they counted as usual, all it would see is a ban.
PATIENT = """
regulation: {max_retries: 100, find_time: 1s, ban_time: 1s}
dialects:
  adservio: {enabled: true, prefix: /api/v2, realm: shop}
  gigya: {enabled: true, prefix: /gigya, calls_per_address: [], sites: [{api_key: 3_KEY, realm: people}]}
"""
RULES = """
access_control:
  default_policy: open
  rules:
    - {name: window, paths: ["/window"], policy: mfa, dialect: standard}
"""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
)
PAGE = "/_mfa/openapi.json"
GIGYA = "^/gigya/"


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Installation]:
    async with Installation(tmp_path, rules=RULES, more=PATIENT) as running:
        await running.start()
        yield running


async def test_the_document_is_valid_and_anybody_may_read_it(gateway: Installation) -> None:
    page = await gateway.call("GET", PAGE)
    assert (page.status_code, page.headers["content-type"]) == (200, "application/json")
    validate(page.json())
    assert {"/mfa/preflight", "/multi-factor-auth-trigger", "/api/v2/auth"} < {*page.json()["paths"]}
    assert page.json()["servers"] == [{"url": f"http://127.0.0.1:{gateway.port}"}]
    assert (await gateway.call("HEAD", PAGE)).content == b""


async def test_what_is_not_asked_of_it_is_refused_and_never_forwarded(gateway: Installation) -> None:
    for method, path, status in (("POST", PAGE, 405), ("GET", f"{PAGE}/", 404)):
        answer = await gateway.call(method, path)
        assert answer.status_code == status
        assert (answer.headers.get("allow") == "GET, HEAD") == (status == 405)
    assert gateway.api.seen == []


async def test_no_request_gets_an_answer_that_is_not_in_the_document(gateway: Installation, tmp_path: Path) -> None:
    await gateway.enrol(gateway.token())
    bearer = ("--header", f"Authorization: Bearer {gateway.token()}", "--exclude-path-regex", GIGYA)
    tested = await explored(gateway, tmp_path, *bearer, "--max-examples", "100", phases="examples,coverage,fuzzing")
    assert tested == await described(gateway, is_gigya=False)


async def test_no_method_of_gigya_gives_an_answer_that_is_not_in_the_document(
    gateway: Installation, tmp_path: Path
) -> None:
    # Of a site that it does not find all it would see is that there is none.
    site = ("--header", "apikey: 3_KEY", "--include-path-regex", GIGYA)
    assert await explored(gateway, tmp_path, *site, "--max-examples", "8", phases="fuzzing") == await described(
        gateway, is_gigya=True
    )


async def described(gateway: Installation, *, is_gigya: bool) -> int:
    """How many operations the document has, of that form or of all others."""
    paths = (await gateway.call("GET", PAGE)).json()["paths"]
    return sum(len(methods) for path, methods in paths.items() if path.startswith("/gigya/") == is_gigya)


async def explored(gateway: Installation, folder: Path, *words: str, phases: str) -> int:
    """How many operations schemathesis has tried, all of whose answers are in the document."""
    fixed = ("--seed", "1", "--generation-deterministic", "--workers", "1", "--no-shrink", "--phases", phases)
    checked = ("--checks", ",".join(CHECKS), "--no-color", "--warnings", "off", "--continue-on-failure")
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    assert program is not None
    process = await asyncio.create_subprocess_exec(
        program, "run", f"http://127.0.0.1:{gateway.port}{PAGE}", *words, *fixed, *checked,
        cwd=folder, env=os.environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(150):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = output.decode()
    assert process.returncode == 0, text[-8000:]
    assert "Traceback" not in gateway.log
    (tested,) = re.findall(r"Tested: (\d+)\n", text)
    return int(tested)
