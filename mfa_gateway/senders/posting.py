"""Posting: one HTTP request that hands a message to a service, within one deadline.

A message is posted once. Only where no connection came about, so that nothing can have arrived, is there a second try
within the same deadline: a person who gets two codes knows of neither which is the right one, and both were paid for.
Nothing is followed anywhere, neither redirects nor proxies of the environment. Failures are told in words of our own:
a request holds the code, and an answer may quote the address.

What stays out: what is posted, and what an answer means (webhook, twilio, vonage).
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import httpx2

from mfa_gateway.core.fault import DeliveryFailed

# Seconds before the second try: long enough for a service that is just being restarted to listen again.
RETRY_PAUSE: Final = 0.25
# Bytes of an answer that are read: those of the providers have a few hundred.
MAX_ANSWER: Final = 65_536

Wait = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said. `body` is empty where nobody wants to read it."""

    status: int
    body: bytes = field(default=b"", repr=False)

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        return bool(httpx2.codes.is_success(self.status))


class Poster:
    """Posts to one service.

    Args:
        place: what the service is called in a log, without any key that its URL may hold.
        timeout: seconds for one whole delivery, the second try included.
        tls: whom to trust; by default the authorities that httpx2 ships.
        wait: waits so many seconds, before the second try.
    """

    def __init__(
        self, place: str, *, timeout: float, tls: ssl.SSLContext | None = None, wait: Wait = asyncio.sleep
    ) -> None:
        self._place = place
        self._timeout = timeout
        self._wait = wait
        self._client = _http_client(tls or httpx2.create_ssl_context())

    async def post(self, url: str, *, content: bytes, headers: dict[str, str], is_read: bool = False) -> Answer:
        """Post, and give what was answered, with its body if that `is_read`.

        Raises:
            DeliveryFailed: there was no answer in time. The text names neither address nor code.
        """
        request = self._client.build_request("POST", url, content=content, headers=headers)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._answer(request, is_read=is_read)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            # Without its cause, which holds the request.
            raise self.failure(told(error)) from None

    def failure(self, why: str) -> DeliveryFailed:
        """A failure of this service, to be raised."""
        return DeliveryFailed(f"{self._place}: {why}")

    async def close(self) -> None:
        """Close what is open. Messages under way fail."""
        await self._client.aclose()

    async def _answer(self, request: httpx2.Request, *, is_read: bool) -> Answer:
        """The answer, after a second try where no connection came about."""
        try:
            return await self._ask(request, is_read=is_read)
        except httpx2.ConnectError:
            await self._wait(RETRY_PAUSE)
            return await self._ask(request, is_read=is_read)

    async def _ask(self, request: httpx2.Request, *, is_read: bool) -> Answer:
        response = await self._client.send(request, stream=True)
        try:
            body = b""
            if is_read:
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > MAX_ANSWER:
                        raise ValueError("the answer is too long")
            return Answer(response.status_code, body)
        finally:
            await response.aclose()


def told(error: Exception) -> str:
    """What went wrong, in words that hold nothing of the message."""
    match error:
        case httpx2.ConnectError():
            return "it could not be reached, tried twice: is it running, and does its certificate check?"
        case TimeoutError():
            return "it did not take the message in time"
        case httpx2.TransportError():
            return "the connection broke before it answered; whether it has the message is unknown"
        case _:
            return f"the delivery failed ({type(error).__name__})"


def _http_client(tls: ssl.SSLContext) -> httpx2.AsyncClient:
    """A client that goes where it is told to and nowhere else, on a fresh connection each time.

    A connection that was kept could be closed by the service in the moment of sending: nobody could tell then whether
    the message arrived, and a second try could send it twice.
    """
    return httpx2.AsyncClient(
        verify=tls,
        trust_env=False,
        follow_redirects=False,
        timeout=None,
        limits=httpx2.Limits(max_keepalive_connections=0),
        headers={"Accept-Encoding": "identity", "Connection": "close", "User-Agent": "mfa-gateway"},
    )
