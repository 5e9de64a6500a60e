"""CORS: what pages of other origins may ask of us and read of our answers (the CORS protocol of the Fetch standard).

A true preflight from a listed origin is answered here, with or without a token: browsers send none with it. Everything
else is judged as always; that an origin is listed opens nothing. The answers that the gateway makes itself become
readable to listed origins. What stays out: the answers of the application, whose headers are its own.
"""

from dataclasses import dataclass
from typing import Final

from mfa_gateway.core.call import Call
from mfa_gateway.dialects.wire import NO_STORE, Headers, Reply
from mfa_gateway.doors.asgi import Message, Send

# Fetch, section "CORS protocol and HTTP responses": what a script may read besides the safelisted names.
_EXPOSED: Final = b"Retry-After, X-MFA-Error-Code, WWW-Authenticate, X-MFA-Grace-Remaining, X-Request-Id"
# More names than any page needs, in a list that is sent back as it came.
_LONGEST_LIST: Final = 1024


@dataclass(frozen=True, slots=True)
class Cors:
    """Which pages may read our answers.

    Attributes:
        origins: exact origins, as browsers write them (RFC 6454 section 6.2); none means that nothing here happens.
        credentials: whether browsers may send cookies along.
        max_age: seconds that a preflight may be remembered.
    """

    origins: frozenset[bytes] = frozenset()
    credentials: bool = False
    max_age: int = 600

    def preflight(self, call: Call) -> Reply | None:
        """The answer to a true preflight of a listed origin, or None for every other call."""
        if not self.origins or call.method != "OPTIONS":
            return None
        origin, method = _only(call, b"origin"), _only(call, b"access-control-request-method")
        wanted = _only(call, b"access-control-request-headers") or b""
        if origin not in self.origins or not method or len(wanted) > _LONGEST_LIST:
            return None
        headers: Headers = (*self._readable_by(origin), (b"access-control-allow-methods", method))
        if wanted:
            headers += ((b"access-control-allow-headers", wanted),)
        return Reply(204, (*NO_STORE, *headers, (b"access-control-max-age", b"%d" % self.max_age)))

    def readable(self, call: Call, send: Send) -> Send:
        """A `send` whose answer the call's origin may read, if it is a listed one."""
        headers = self.for_answer(call)
        if not headers:
            return send

        async def sending(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        return sending

    def for_answer(self, call: Call) -> Headers:
        """What an answer says of who may read it; nothing where no origin is listed."""
        if not self.origins:
            return ()
        origin = _only(call, b"origin")
        # Caches must not hand one origin's answer to another, the unlisted included.
        if origin is None or origin not in self.origins:
            return ((b"vary", b"Origin"),)
        return (*self._readable_by(origin), (b"access-control-expose-headers", _EXPOSED))

    def _readable_by(self, origin: bytes) -> Headers:
        allowed: Headers = ((b"access-control-allow-origin", origin), (b"vary", b"Origin"))
        return (*allowed, (b"access-control-allow-credentials", b"true")) if self.credentials else allowed


def _only(call: Call, name: bytes) -> bytes | None:
    """The one value of a field; several are no value, since readers would disagree which counts."""
    values = [value for found, value in call.headers if found == name]
    return values[0] if len(values) == 1 else None
