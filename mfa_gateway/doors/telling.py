"""Telling: how many seconds a proof has left, in the head of an answer that goes on to the client.

Only for rules with `tell_grace`, and only where a proof was shown. A copy of the application's is taken out, or a
client would not know which of two to believe. What stays out: WebSockets, whose handshake no script can read.
"""

from typing import Final

from mfa_gateway.core.credential import folded_name
from mfa_gateway.core.policy import OnSuccess
from mfa_gateway.core.verdict import Pass
from mfa_gateway.doors.asgi import Message, Send

GRACE_REMAINING: Final = b"x-mfa-grace-remaining"

# RFC 9110 section 15.3: what ends a window where a rule says so (`on_success`).
_GOOD: Final = range(200, 300)


def tells_grace(verdict: Pass) -> bool:
    """Whether the client is to know how much longer what it has shown satisfies the rule."""
    return verdict.shown is not None and verdict.rule.requirement.tells_grace


def telling(send: Send, verdict: Pass) -> Send:
    """A `send` that adds the seconds to the head of an answer, rounded down: whoever believes them is never late."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            others = [pair for pair in message["headers"] if folded_name(pair[0]) != GRACE_REMAINING]
            left = b"%d" % _seconds_left(verdict, message["status"])
            message = {**message, "headers": [*others, (GRACE_REMAINING, left)]}
        await send(message)

    return sending


def _seconds_left(verdict: Pass, status: int) -> int:
    is_over = verdict.on_success is not OnSuccess.NONE and status in _GOOD
    if verdict.shown is None or is_over:
        return 0
    return max(verdict.rule.requirement.grace_ms - verdict.shown.age_ms, 0) // 1000
