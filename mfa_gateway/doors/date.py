"""The date of an answer, as its Date field says it (RFC 9110 section 6.6.1), made once a second.

What stays out: which answers get one. Only those that the gateway makes itself: an upstream's Date is the upstream's.
"""

from email.utils import formatdate
from time import time
from typing import Final


class HttpDate:
    """Gives the current date as a field value. Making the text costs far more than looking at the clock."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = b""

    def __call__(self) -> bytes:
        """The date of this second."""
        second = int(time())
        if second != self._second:
            self._second = second
            self._text = formatdate(second, usegmt=True).encode("ascii")
        return self._text


http_date: Final = HttpDate()
