"""Request ids: the name of each call, for logs and for those who ask about it.

A trusted peer may have given one. They tell calls apart and secure nothing. What stays out: who is trusted (peers).
"""

import os
from re import compile as pattern
from typing import Final, final

_GIVEN: Final = pattern(rb"[A-Za-z0-9._\-]{8,64}")


def request_id_of(given: bytes | None) -> str:
    """The name that a request was given, if it can be one; else a new one."""
    if given is None or not _GIVEN.fullmatch(given):
        return new_request_id()
    return given.decode("ascii")


@final
class _Ids:
    """Names for requests: 64 random bits each, told apart in a log. They secure nothing, so they are drawn in stock."""

    _DIGITS: Final = 16
    _STOCK: Final = 512

    def __init__(self) -> None:
        self._drawn = ""
        self._at = 0

    def forget(self) -> None:
        """Name nothing by what was drawn: somebody else has it, too."""
        self._drawn, self._at = "", 0

    def next(self) -> str:
        """A name that was not given yet."""
        at = self._at
        if at >= len(self._drawn):
            self._drawn, at = os.urandom(self._STOCK * self._DIGITS // 2).hex(), 0
        self._at = at + self._DIGITS
        return self._drawn[at : at + self._DIGITS]


_ids: Final = _Ids()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_ids.forget)


def new_request_id() -> str:
    """A name for a request that came without one."""
    return _ids.next()
