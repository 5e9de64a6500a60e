"""Introspection (RFC 7662): the issuer is asked whose an opaque token is.

    token -- answered lately? --> caller, or nobody
       |
       +-- being asked about? wait for that answer
       +-- ask, within the deadline -- read the answer -- remember it for a while

Theory. Every unknown token costs the issuer a request, so whoever sends tokens decides how many. One token is asked
about once at a time, however many calls carry it; refused tokens are remembered too, for a shorter time and apart from
the good ones, so that a flood of rubbish does not push those out; and there is a most for what is asked at a time. A
good answer counts until the token expires and no longer than `cache`, from the moment of asking: that is how long a
token that was revoked may go unnoticed. While the issuer is away, what is remembered goes on counting for that time and
nothing is said about other tokens.

Tokens are remembered by digest. What stays out: what an answer means (answer), and which tokens come here (sources).
"""

import asyncio
import math
import ssl
import time
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, assert_never
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx2
import structlog
from structlog.typing import FilteringBoundLogger

from mfa_gateway.core.account import Anonymous, Caller
from mfa_gateway.core.call import Call
from mfa_gateway.core.fault import IdentityUnavailable
from mfa_gateway.identity.answer import read_answer
from mfa_gateway.identity.bearer import bearer_token, token_digest
from mfa_gateway.identity.claims import Accepted
from mfa_gateway.identity.fetching import http_client, read_document
from mfa_gateway.identity.flaw import Flaw
from mfa_gateway.identity.terms import IntrospectionTerms

# An answer is a handful of claims; groups and roles make it some kB.
MAX_BYTES: Final = 64 * 1024
# Seconds. A client with a bad token repeats itself, and nothing is lost to a person whose token is good a moment later.
REFUSED_FOR: Final = 5.0
# Active sessions of one worker, and refused tokens: a caller with its claims takes some 5 kB, a refusal 200 bytes.
MAX_REMEMBERED: Final = 10_000
# Tokens that are asked about at a time: more than any issuer answers in one deadline over the client's 100 connections.
MAX_ASKED: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Outage:
    """Nothing can be said, and why."""

    why: str


_Answer = Accepted | Flaw


class _Answers:
    """The last used answers by token digest, each until a moment of the monotonic clock. The least used goes first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._by_digest: OrderedDict[str, tuple[_Answer, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_digest)

    def recall(self, digest: str, now: float) -> _Answer | None:
        answer, until = self._by_digest.get(digest, (None, -math.inf))
        if answer is None:
            return None
        if now >= until:
            del self._by_digest[digest]
            return None
        self._by_digest.move_to_end(digest)
        return answer

    def remember(self, digest: str, answer: _Answer, until: float) -> None:
        self._by_digest[digest] = answer, until
        if len(self._by_digest) > self._size:
            self._by_digest.popitem(last=False)

    def forget(self, digest: str) -> None:
        self._by_digest.pop(digest, None)


class IntrospectedIdentity:
    """Callers who send an opaque token that the issuer knows. Belongs to one event loop.

    Args:
        terms: the endpoint, and what has to be said of a token.
        clock: seconds since 1970, for `exp`.
        monotonic: seconds that never jump, for the age of answers.
        log: where refused tokens are noted; never a token or a claim.
        tls: whom to trust; by default the authorities that httpx2 ships.
        size: how many good tokens, and how many refused ones, are remembered.
    """

    def __init__(
        self,
        terms: IntrospectionTerms,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        log: FilteringBoundLogger | None = None,
        tls: ssl.SSLContext | None = None,
        size: int = MAX_REMEMBERED,
    ) -> None:
        self._terms = terms
        self._clock = clock
        self._monotonic = monotonic
        self._log: FilteringBoundLogger = structlog.get_logger() if log is None else log
        self._client = http_client(terms.timeout, accept="application/json", tls=tls)
        self._headers = {"Authorization": basic_credentials(terms.client_id, terms.client_secret)}
        self._good = _Answers(size)
        self._refused = _Answers(size)
        self._asking: dict[str, asyncio.Task[_Answer | _Outage]] = {}

    def known(self, _call: Call) -> Caller | None:
        """Nobody: this is not remembered in a form that could be told at once."""
        return None

    async def identify(self, call: Call) -> Caller | Anonymous:
        """Look the call's bearer token up. Only a missing or empty Authorization value is `NO_CREDENTIAL`.

        Raises:
            IdentityUnavailable: the issuer has not said anything usable about this token in time.
        """
        if not call.authorization:
            return Anonymous.NO_CREDENTIAL
        token = bearer_token(call.authorization)
        answer = Flaw.NOT_BEARER if token is None else await self._answer(token)
        match answer:
            case Accepted(caller=caller):
                return caller
            case Flaw() as flaw:
                self._log.info("bearer refused", flaw=flaw.value, request_id=call.request_id)
                return Anonymous.BAD_CREDENTIAL
            case _ as never:
                assert_never(never)

    async def close(self) -> None:
        """Give up what is being asked, and close the connections."""
        for task in tuple(self._asking.values()):
            task.cancel()
            await asyncio.wait({task})
        await self._client.aclose()

    async def _answer(self, token: str) -> _Answer:
        digest = token_digest(token)
        answer = self._recall(digest) or await self._asked(token, digest)
        if isinstance(answer, _Outage):
            place = urlsplit(self._terms.url)
            raise IdentityUnavailable(f"introspection at {place.scheme}://{place.netloc}: {answer.why}")
        return answer

    def _recall(self, digest: str) -> _Answer | None:
        answer = self._good.recall(digest, self._monotonic()) or self._refused.recall(digest, self._monotonic())
        return Flaw.EXPIRED if isinstance(answer, Accepted) and self._clock() >= answer.until else answer

    async def _asked(self, token: str, digest: str) -> _Answer | _Outage:
        """The answer to the question that is under way, or to a new one."""
        task = self._asking.get(digest)
        if task is None:
            if len(self._asking) >= MAX_ASKED:
                return _Outage(f"{MAX_ASKED} tokens are being asked about already")
            task = asyncio.get_running_loop().create_task(self._ask(token, digest), name="introspect")
            self._asking[digest] = task
            task.add_done_callback(lambda _: self._asking.pop(digest))
        # Not awaited itself: a caller that goes away must not take the answer of all others with it.
        await asyncio.wait({task})
        return _Outage("the gateway is being stopped") if task.cancelled() else task.result()

    async def _ask(self, token: str, digest: str) -> _Answer | _Outage:
        asked_at = self._monotonic()
        try:
            async with asyncio.timeout(self._terms.timeout):
                document = await self._fetch(token)
            answer = read_answer(document, self._terms, now=self._clock(), digest=digest)
        except TimeoutError:
            return _Outage("it did not answer in time")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            return _Outage(f"{type(error).__name__}: {error}")
        self._remember(digest, answer, asked_at)
        return answer

    def _remember(self, digest: str, answer: _Answer, asked_at: float) -> None:
        match answer:
            case Accepted():
                self._refused.forget(digest)
                self._good.remember(digest, answer, asked_at + self._terms.cache)
            case Flaw():
                self._good.forget(digest)
                self._refused.remember(digest, answer, asked_at + min(REFUSED_FOR, self._terms.cache))
            case _ as never:
                assert_never(never)

    async def _fetch(self, token: str) -> bytes:
        try:
            return await self._post(token)
        except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
            # Most likely a kept connection that was closed in the moment of asking. A question changes nothing.
            return await self._post(token)

    async def _post(self, token: str) -> bytes:
        form = urlencode({"token": token, "token_type_hint": "access_token"}).encode("ascii")
        headers = {**self._headers, "Content-Type": "application/x-www-form-urlencoded"}
        async with self._client.stream("POST", self._terms.url, content=form, headers=headers) as response:
            return await read_document(response, limit=MAX_BYTES)


def basic_credentials(client_id: str, client_secret: str) -> str:
    """The Authorization value of a client: both parts form-encoded first (RFC 6749 section 2.3.1 and appendix B)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return f"Basic {b64encode(pair.encode('ascii')).decode('ascii')}"
