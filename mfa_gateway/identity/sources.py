"""Sources: several ways to say who is calling, and the one that a call used.

A call has one credential. Two of them (a token beside a header that a peer in front sets) might name two people, and
the application would read whichever it likes, so such a call names nobody, before either is looked at.

Of tokens, each has one judge. Where signed and opaque ones are both expected, what begins like a JWT is judged as one
and never looked up: a token that was refused for its signature, its date or its audience must not get a second chance
at an endpoint that may think less of these. What stays out: judging any credential.
"""

import json
from base64 import b64decode
from binascii import Error
from typing import Protocol

from mfa_gateway.core.account import Anonymous, Caller, Identification
from mfa_gateway.core.call import Call
from mfa_gateway.identity.bearer import bearer_token


class Source(Protocol):
    """One way to say who is calling."""

    def known(self, call: Call) -> Caller | None:
        """Who is calling, as far as that takes no waiting; None: ask `identify`."""
        ...

    async def identify(self, call: Call) -> Identification:
        """Who is calling. Raises `IdentityUnavailable` when nothing can be said now."""
        ...

    async def close(self) -> None:
        """Stop what goes on in the background, and close connections."""
        ...


class Sources:
    """The configured sources, asked as one. None given: nobody is ever known.

    Args:
        signed: judges tokens that carry their own proof (JWT).
        opaque: looks other tokens up.
        told: reads the header of a peer in front.
    """

    def __init__(
        self, *, signed: Source | None = None, opaque: Source | None = None, told: Source | None = None
    ) -> None:
        self._by_signature = signed
        self._opaque = opaque
        self._told = told

    async def identify(self, call: Call) -> Identification:
        """Who is calling, as far as exactly one source is addressed.

        Raises:
            IdentityUnavailable: the source that has to judge the credential cannot say now.
        """
        told = Anonymous.NO_CREDENTIAL if self._told is None else await self._told.identify(call)
        if told is Anonymous.NO_CREDENTIAL:
            return await self._by_token(call)
        return Anonymous.TWO_CREDENTIALS if call.authorization else told

    def known(self, call: Call) -> Caller | None:
        """Who is calling, as far as that takes no waiting: where nothing but signed tokens could say it."""
        if self._told is not None or self._by_signature is None or not call.authorization:
            return None
        return self._by_signature.known(call) if self._judge(call.authorization) is self._by_signature else None

    async def close(self) -> None:
        """Close every source."""
        for source in (self._by_signature, self._opaque, self._told):
            if source is not None:
                await source.close()

    async def _by_token(self, call: Call) -> Identification:
        if not call.authorization:
            return Anonymous.NO_CREDENTIAL
        judge = self._judge(call.authorization)
        return Anonymous.BAD_CREDENTIAL if judge is None else await judge.identify(call)

    def _judge(self, authorization: str) -> Source | None:
        if self._by_signature is None or self._opaque is None:
            return self._by_signature or self._opaque
        token = bearer_token(authorization)
        return self._by_signature if token is None or begins_like_jwt(token) else self._opaque


def begins_like_jwt(token: str) -> bool:
    """Whether a token begins like a JWS or JWE (RFC 7515 section 7.1, RFC 7516 section 7.1), read generously.

    The first part, decoded with whatever alphabet and padding, is a JSON object. The parts are not counted and what is
    in them is not looked at: a broken JWT is still one.
    """
    header, dot, _ = token.partition(".")
    if not dot:
        return False
    standard = header.rstrip("=").translate(_STANDARD_ALPHABET)
    try:
        return isinstance(json.loads(b64decode(standard + "=" * (-len(standard) % 4))), dict)
    except (Error, ValueError, RecursionError):
        return False


_STANDARD_ALPHABET = str.maketrans("-_", "+/")
