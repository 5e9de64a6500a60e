"""Back-channel logout: the door by which issuers tell of log-outs (OpenID Connect Back-Channel Logout 1.0).

Its path matches before policy, exactly and on every host: another method is 405, a trailing slash 404, and neither goes
any further. Whoever knocks proves it by a signature, so nobody is asked for more. What stays out: whose word counts
(identity), and what it ends (engine).
"""

import json
from typing import Final, Protocol, assert_never
from urllib.parse import parse_qsl

from mfa_gateway.core.call import Call, OddPath
from mfa_gateway.core.gate import RETRY_MS
from mfa_gateway.core.logout import Parting
from mfa_gateway.dialects.wire import NO_STORE, Headers, Reply, allow, retry_after
from mfa_gateway.doors.asgi import Reading, Receive, Scope, Send, field_of, finish_reading, send_reply
from mfa_gateway.doors.bodies import read_body

PATH: Final = "/_mfa/backchannel-logout"
_SEGMENTS: Final = ("_mfa", "backchannel-logout")
_FORM: Final = "application/x-www-form-urlencoded"
# The form has one field, and issuers may add some (section 2.5).
_MOST_FIELDS: Final = 16


class Partner(Protocol):
    """Acts on logout tokens."""

    async def part(self, token: str, call: Call) -> Parting:
        """Act on one. Never raises for anything that a stranger, an issuer or the store can do."""
        ...


class Backchannel:
    """Serves the endpoint."""

    def __init__(self, partner: Partner) -> None:
        self._partner = partner

    def is_meant(self, call: Call) -> bool:
        """Whether a call is for the endpoint, or can be read as if it were."""
        if isinstance(call.path, OddPath):
            return any(reading.segments == _SEGMENTS for reading in call.path.readings)
        return call.path.segments == _SEGMENTS

    async def serve(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one `http` request to the endpoint."""
        reply = _misguided(call)
        if reply is not None:
            reading = await finish_reading(receive, call.headers)
        elif (body := await read_body(receive)) is None:
            reply, reading = _error(413, "the body is larger than 64 KiB"), Reading.UNFINISHED
        else:
            reply, reading = await self._part(body, call), Reading.COMPLETE
        await send_reply(send, reply, scope, request_id=call.request_id, reading=reading)

    async def _part(self, body: bytes, call: Call) -> Reply:
        token = _token(body)
        if token is None:
            return _error(400, "the body is not a form with exactly one logout_token")
        match await self._partner.part(token, call):
            case Parting.DONE:
                return Reply(200, NO_STORE)
            case Parting.REPEATED:
                return _error(400, "this logout token was used already")
            case Parting.NAMELESS:
                return _error(400, "the logout token has no sub: a session alone cannot be found here")
            case Parting.REFUSED:
                return _error(400, "the logout token does not count here; the log says why")
            case Parting.POSTPONED:
                why, more = "nothing can be ended at the moment", retry_after(RETRY_MS)
                return _error(503, why, error="temporarily_unavailable", more=more)
            case _ as never:
                assert_never(never)


def _misguided(call: Call) -> Reply | None:
    """The answer to a request that brings no form to the endpoint, or None."""
    if isinstance(call.path, OddPath) or str(call.path) != PATH:
        return _error(404, f"the endpoint is {PATH}")
    if call.method != "POST":
        return _error(405, "send a logout token with POST", more=allow("POST"))
    if field_of(call, b"content-type").partition(";")[0].strip().lower() != _FORM:
        return _error(400, f"the body has to be {_FORM}")
    return None


def _token(body: bytes) -> str | None:
    """The one logout token of a form."""
    try:
        fields = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        return None
    tokens = [value for name, value in fields if name == "logout_token"]
    return tokens[0] if len(tokens) == 1 else None


def _error(status: int, why: str, *, error: str = "invalid_request", more: Headers = ()) -> Reply:
    """A refusal as section 2.8 has it, which takes its form from RFC 6749 section 5.2."""
    document = {"error": error, "error_description": why}
    return Reply(
        status, (*NO_STORE, (b"content-type", b"application/json"), *more), json.dumps(document).encode("ascii")
    )
