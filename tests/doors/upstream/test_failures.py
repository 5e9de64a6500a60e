import socket

import pytest

from mfa_gateway.doors.upstream import AnswerCutError, Failure, ForwardingError, status_of
from mfa_gateway.doors.upstream.failures import of_connecting

STATUSES = {
    Failure.BAD_METHOD: 405,
    Failure.BAD_TARGET: 400,
    Failure.BAD_FIELD: 400,
    Failure.BAD_FRAMING: 400,
    Failure.BODY_MISMATCH: 400,
    Failure.CLIENT_GONE: 499,
    Failure.UNKNOWN_HOST: 502,
    Failure.UNREACHABLE: 502,
    Failure.BROKEN: 502,
    Failure.BAD_ANSWER: 502,
    Failure.CONNECT_TIMEOUT: 504,
    Failure.SILENT: 504,
    Failure.STALLED: 504,
}


@pytest.mark.parametrize("failure", Failure)
def test_every_failure_has_its_status(failure: Failure) -> None:
    assert status_of(failure) == STATUSES[failure]


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (TimeoutError(), Failure.CONNECT_TIMEOUT),
        (socket.gaierror(-2, "Name or service not known"), Failure.UNKNOWN_HOST),
        (ConnectionRefusedError(), Failure.UNREACHABLE),
        (ConnectionResetError(), Failure.UNREACHABLE),
        (OSError(113, "No route to host"), Failure.UNREACHABLE),
    ],
)
def test_an_error_of_the_system_becomes_a_failure(error: OSError, failure: Failure) -> None:
    assert of_connecting(error) is failure


@pytest.mark.parametrize("kind", [ForwardingError, AnswerCutError])
def test_an_error_says_its_reason_and_nothing_of_the_call(kind: type[ForwardingError | AnswerCutError]) -> None:
    assert str(kind(Failure.SILENT)) == Failure.SILENT.value
