"""A clock for fakeredis that stands still unless a test tells it to go on."""

import time
from types import ModuleType
from typing import Any, Self

import fakeredis._helpers
import fakeredis._socket._base
import fakeredis.commands_mixins.server_mixin
import pytest

_READERS: tuple[ModuleType, ...] = (
    fakeredis._helpers,
    fakeredis._socket._base,
    fakeredis.commands_mixins.server_mixin,
)


class MemoryClock:
    """Stands in for the module `time` in fakeredis; `now` is in seconds since 1970."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    @classmethod
    def installed(cls, monkeypatch: pytest.MonkeyPatch) -> Self:
        """The clock of every fakeredis server until the test ends."""
        clock = cls()
        for module in _READERS:
            monkeypatch.setattr(module, "time", clock)
        return clock

    def time(self) -> float:
        return self.now

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)
