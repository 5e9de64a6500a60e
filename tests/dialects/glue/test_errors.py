import pytest

from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.glue.errors import Audience, Place, Wording, wording

# The table of the interface (spec/glue.md, "Errors"), typed from there and not from the code.
PUBLISHED = [
    (Reason.CODE_MISSING, Wording(403, "X-MFA-Code header is missing.", "5900")),
    (Reason.CODE_INVALID, Wording(403, "X-MFA-Code is invalid.", "5901")),
    (Reason.BANNED, Wording(403, "X-MFA-Code is invalid.", "5901")),
    (Reason.FACTOR_MISSING, Wording(400, "MFA type is missing.", "5902")),
    (Reason.DEACTIVATION_FAILED, Wording(400, "Failed to deactivate MFA.", "5903")),
    (Reason.ALREADY_ACTIVE, Wording(400, "MFA type already activated.", "5904")),
    (Reason.NO_SUBJECT, Wording(400, "No customer identifier provided.", "5905")),
    (Reason.FACTOR_NOT_FOUND, Wording(400, "MFA type is not found.", "5906")),
    (Reason.ACCOUNT_UNKNOWN, Wording(400, "Customer not found.", "5907")),
    (Reason.ACCOUNT_DISABLED, Wording(400, "Customer not found.", "5907")),
    (Reason.SEND_FAILED, Wording(503, "The code could not be sent.", "5910")),
    (Reason.SEND_LIMITED, Wording(429, "The code could not be sent.", "5910")),
    (Reason.BODY_MALFORMED, Wording(400, "Post data is invalid.")),
    (Reason.BODY_TYPE_INVALID, Wording(400, "Invalid type.")),
    (Reason.TOKEN_MISSING, Wording(403, "Missing access token.", "002")),
    (Reason.TOKEN_INVALID, Wording(401, "Invalid access token.", "001")),
]
PUBLISHED_FOR_USERS = [
    (Reason.NO_SUBJECT, Wording(400, "No user identifier provided.", "5909")),
    (Reason.ACCOUNT_UNKNOWN, Wording(400, "User not found.", "5908")),
    (Reason.ACCOUNT_DISABLED, Wording(400, "User not found.", "5908")),
]


@pytest.mark.parametrize(("reason", "published"), PUBLISHED)
def test_an_error_reads_as_published(reason: Reason, published: Wording) -> None:
    assert wording(reason, Audience.CUSTOMER, Place.CEREMONY) == published


@pytest.mark.parametrize(("reason", "published"), PUBLISHED_FOR_USERS)
def test_an_error_speaks_of_a_user_to_back_offices(reason: Reason, published: Wording) -> None:
    assert wording(reason, Audience.USER, Place.CEREMONY) == published


@pytest.mark.parametrize("audience", Audience)
@pytest.mark.parametrize("reason", [Reason.ACCOUNT_UNKNOWN, Reason.ACCOUNT_DISABLED, Reason.NOT_ENROLLED])
def test_a_protected_route_is_forbidden_to_accounts_that_cannot_open_it(reason: Reason, audience: Audience) -> None:
    assert wording(reason, audience, Place.GATE).status == 403


@pytest.mark.parametrize("place", Place)
@pytest.mark.parametrize("audience", Audience)
@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_wording(reason: Reason, audience: Audience, place: Place) -> None:
    worded = wording(reason, audience, place)
    assert 400 <= worded.status <= 599
    assert worded.detail
