"""The oracle itself: what it must notice, and what it must let go."""

import pytest

from tests.attacks.witness import faults, is_protected
from tests.e2e.backend import Backend, Link
from tests.e2e.installation import Seen

PROOF = (("authorization", "Bearer a"), ("x-mfa-verified", "true"), ("host", "gw.test"))
OPEN = (("host", "gw.test"),)


@pytest.mark.parametrize(
    "target",
    [
        "/protected", "/protected/", "/%70rotected", "/%2570rotected", "//protected", "/public/../protected",
        "/protected;v=1",
        "/public/..;/protected", "/public%2f..%2fprotected", "/public\\..\\protected", "/protected%00.json",
        "/x%c0%afprotected",
        "/protected%0a", "http://gw.test/protected", "/protected?x", "/%c0%afprotected", "/customers/1/password",
        "/./protected",
    ],
)  # fmt: skip
def test_some_server_takes_it_for_protected(target: str) -> None:
    assert is_protected(target) is (target != "/x%c0%afprotected")


@pytest.mark.parametrize(
    "target", ["/", "/public", "/protectedX", "/PROTECTED", "/protected%23x", "/x?/protected", "/x#/protected"]
)
def test_no_server_does(target: str) -> None:
    assert not is_protected(target)


def test_a_method_is_the_same_in_any_case() -> None:
    assert is_protected("/patched", "patch")
    assert is_protected("/read/", "Head")
    assert not is_protected("/read", "PATCH")


def seen(target: str, *fields: tuple[str, str], method: str = "GET") -> Backend:
    """An API that has seen one request."""
    link = Link(None, None, 0, [], [Seen(method, target, fields, b"")])  # type: ignore[arg-type] # nothing is read or written
    return Backend(links=[link])


def test_a_proved_call_is_no_fault_and_the_same_without_its_proof_is() -> None:
    assert faults(seen("/protected", *PROOF), ["Bearer a"]) == []
    assert len(faults(seen("/protected", *PROOF), ["Bearer b"])) == 1
    assert len(faults(seen("/protected", *OPEN))) == 2
    assert faults(seen("/public", *OPEN)) == []


@pytest.mark.parametrize(
    "field",
    [
        ("x-mfa-verified", "true"), ("X_MFA_Verified", "true"), ("x-mfa-code", "1"), ("remote_user", "b"),
        ("X~User~Id", "b"),
        ("x-http-method", "PUT"), ("X_Forwarded_For", "1.1.1.1"), ("X~Forwarded~For", "1"), ("content_length", "1"),
        ("x-forwarded-prefix", "/x"),
        ("a b", "c"), ("x", "a\nb"), ("content-length", "+1"), ("transfer-encoding", "x"), ("upgrade", "h2c"),
        ("host", "b"),
        ("http2-settings", "AA"),
    ],
)  # fmt: skip
def test_a_field_that_only_the_gateway_may_write_is_a_fault(field: tuple[str, str]) -> None:
    assert faults(seen("/public", *OPEN, field)) != []
