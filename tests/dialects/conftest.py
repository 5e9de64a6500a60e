"""What the tests of all dialects share: a caller, submissions, and golden files.

Golden files (golden/<dialect>/<fact>.http) hold whole replies as blocks: a line with three hashes and what happened,
then status, headers, an empty line and the body. They are meant to be read. The status line has no phrase: Python
versions disagree about the phrases, and clients have to ignore them (RFC 9112 section 4).

After a deliberate change of the wire form, write them anew and read the difference before keeping it:

    UPDATE_GOLDEN=1 pytest tests/dialects
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mfa_gateway.core.account import AccountId, Caller
from mfa_gateway.dialects.wire import Asked, Reply, Submission

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def golden() -> Callable[[str, Mapping[str, Reply]], None]:
    """Compare replies, titled with what happened, with the golden file of that name; or write it (see above)."""
    return _compare


@pytest.fixture
def golden_names() -> frozenset[str]:
    """Every golden file there is, such as "glue/listing"."""
    return frozenset(str(path.relative_to(GOLDEN).with_suffix("")) for path in GOLDEN.rglob("*.http"))


@pytest.fixture(scope="session")
def submit() -> Callable[..., Submission]:
    """Make a submission of somebody, from what the test is about."""
    return _submission


def _compare(name: str, replies: Mapping[str, Reply]) -> None:
    path = GOLDEN / f"{name}.http"
    written = "\n".join(f"### {title}\n{_whole(reply)}" for title, reply in replies.items())
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written, encoding="utf-8")
    assert path.exists(), f"{path.name} is missing: write it with UPDATE_GOLDEN=1 and read it"
    assert written == path.read_text(encoding="utf-8")


def _whole(reply: Reply) -> str:
    headers = "".join(f"{name.decode('ascii')}: {value.decode('ascii')}\n" for name, value in reply.headers)
    body = reply.body.decode("utf-8") + "\n" if reply.body else ""
    return f"HTTP/1.1 {reply.status}\n{headers}\n{body}"


def _submission(
    path: str,
    body: bytes = b"",
    *,
    method: str = "POST",
    content_type: str = "application/json",
    code: str | None = None,
    languages: tuple[str, ...] = (),
) -> Submission:
    caller = Caller(AccountId("shop", "DE--42"), session="s1", token="t1")
    return Submission(Asked(method, path), caller, content_type, body, code, languages)
