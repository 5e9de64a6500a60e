"""Development tokens: claims come out as an issuer writes them."""

import pytest

from mfa_gateway.cli.tokens import _claims


@pytest.mark.parametrize(
    ("written", "claims"),
    [
        ("email=ada@example.com", {"email": "ada@example.com"}),
        ("auth_time=1700000000", {"auth_time": 1_700_000_000}),
        ("email_verified=true", {"email_verified": True}),
        ("phone_number_verified=false", {"phone_number_verified": False}),
        ("sid=123", {"sid": "123"}),
        ("auth_time=yesterday", {"auth_time": "yesterday"}),
        ("name=a=b", {"name": "a=b"}),
    ],
)
def test_a_claim_has_the_kind_that_its_name_asks_for(written: str, claims: dict[str, object]) -> None:
    assert _claims([written]) == claims
