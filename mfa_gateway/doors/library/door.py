"""The middleware inside an application: below its mount point, with facts for its endpoints.

Theory. An application routes by what is left of the path behind `root_path` (a mount point, or what a proxy in front
takes off), so that is what is judged: mounted and by itself it is the same application, with the same rules. Starlette
reads it so whether the path begins with `root_path` or not, and what it would route is what is judged here.

What stays out: the life of the gateway (`app`), and every decision.
"""

from typing import Final

from mfa_gateway.core.call import Call, CanonicalPath, canonical_path
from mfa_gateway.core.verdict import Pass
from mfa_gateway.doors.asgi import ASGIApp, Receive, Scope, Send
from mfa_gateway.doors.library.facts import STATE, facts_from
from mfa_gateway.doors.library.marks import GATE, Gate
from mfa_gateway.doors.middleware import MFAMiddleware
from mfa_gateway.doors.parts import Gatekeeping

# Under this key the scope below a mount point carries the one above it, and the bytes that were taken off.
_ABOVE: Final = "mfa_gateway.above"


class LibraryDoor(MFAMiddleware):
    """Lets a call through to an application of Starlette's kind."""

    def __init__(self, app: ASGIApp, *, gateway: Gatekeeping, gate: Gate, root: str = "") -> None:
        """`root`: the `root_path` that the application will set itself, as FastAPI does."""
        super().__init__(app, gateway=gateway)
        self._gate = gate
        self._root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope, `http` or `websocket`."""
        await super().__call__(below(scope, self._root), receive, send)

    def _open(self, scope: Scope, call: Call, verdict: Pass) -> Scope:
        opened = above(super()._open(scope, call, verdict))
        # The very mapping that middleware outside of this one sees, if there is one.
        state = opened.setdefault("state", {})
        state[STATE] = facts_from(verdict)
        opened[GATE] = self._gate
        return opened


def below(scope: Scope, own: str = "") -> Scope:
    """The scope as if there were no `root_path`, where the path begins with it; else the scope itself.

    `own` is the application's own one, in place of the scope's.
    """
    root: str = own or scope.get("root_path", "")
    path: str = scope["path"]
    if not root or not path.startswith(root):
        return scope
    rest = path[len(root) :]
    if rest and not rest.startswith("/"):
        return scope
    taken = _beginning(scope.get("raw_path") or b"", root)
    if taken is None:
        return scope
    raw = scope["raw_path"][len(taken) :]
    return {**scope, "root_path": "", "path": rest or "/", "raw_path": raw or b"/", _ABOVE: (scope, taken, not rest)}


def _beginning(raw: bytes, root: str) -> bytes | None:
    """The bytes of a raw path that are a root path once decoded; None where they end within a segment or are odd."""
    at = -1
    for _ in range(root.count("/") + 1):
        at = raw.find(b"/", at + 1)
        if at < 0:
            at = len(raw)
            break
    reading = canonical_path(raw[:at])
    is_root = isinstance(reading, CanonicalPath) and "/" + "/".join(reading.segments) == root
    return raw[:at] if is_root else None


def above(scope: Scope) -> Scope:
    """The scope as the application expects it, with the path that was judged in it."""
    if _ABOVE not in scope:
        return scope
    outer, taken, is_bare = scope.pop(_ABOVE)
    raw = taken if is_bare else taken + scope["raw_path"]
    scope.update(root_path=outer.get("root_path", ""), path=outer["path"], raw_path=raw)
    return scope
