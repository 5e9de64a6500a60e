"""The date: what HTTP writes, and made once a second."""

from email.utils import parsedate_to_datetime
from time import time
from unittest.mock import patch

from mfa_gateway.doors.date import HttpDate, http_date


def test_it_is_now_in_the_form_of_http() -> None:
    text = http_date().decode("ascii")
    assert text.endswith(" GMT")
    assert abs(parsedate_to_datetime(text).timestamp() - time()) <= 2


def test_it_is_written_as_the_rfc_writes_it() -> None:
    with patch("mfa_gateway.doors.date.time", return_value=784111777.9):
        assert HttpDate()() == b"Sun, 06 Nov 1994 08:49:37 GMT"


def test_it_is_made_once_a_second() -> None:
    date = HttpDate()
    with patch("mfa_gateway.doors.date.time", side_effect=[5.0, 5.9, 6.0]):
        first, same, next_ = date(), date(), date()
    assert first is same
    assert next_ != first
