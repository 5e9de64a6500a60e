"""The head of a request: where it ends, and the ASGI scope that becomes of it.

What stays out: its parser and what is refused (protocol, refusal), and what it means (asgi).
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from mfa_gateway.doors.asgi import TRAILERS, UNDATED, HeaderList, Scope
from mfa_gateway.doors.refusal import takes_trailers

_END: Final = b"\r\n\r\n"
_ASGI: Final = {"version": "3.0", "spec_version": "2.3"}
_EXTENSIONS: Final[dict[str, dict[str, object]]] = {UNDATED: {}}
_WITH_TRAILERS: Final = _EXTENSIONS | {TRAILERS: {}}


class EndOfHead:
    """Finds the end of a head, which may lie across two packets."""

    __slots__ = ("_tail",)

    def __init__(self) -> None:
        self._tail = b""

    def find(self, data: bytes) -> int:
        """How many of the bytes that came next belong to the head: all, as long as its end is not among them."""
        known = self._tail + data if self._tail else data
        end = known.find(_END) + len(_END)
        if end < len(_END):
            self._tail = known[1 - len(_END) :]
            return len(data)
        end -= len(self._tail)
        self._tail = b""
        return end


def http_scope(
    method: str,
    target: bytes,
    version: str,
    *,
    headers: HeaderList,
    framing: HeaderList,
    ends: Mapping[str, Any],
) -> Scope:
    """A request as ASGI has it. `ends` is what it has of its connection.

    That the target is in origin form was checked.
    """
    path, _, query = target.partition(b"?")
    shown = path.decode("ascii")
    return {
        "type": "http",
        "asgi": _ASGI,
        "http_version": version,
        "method": method,
        "path": unquote(shown) if "%" in shown else shown,
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "extensions": _WITH_TRAILERS if takes_trailers(framing, version) else _EXTENSIONS,
        **ends,
    }
