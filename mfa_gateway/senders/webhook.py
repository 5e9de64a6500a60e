"""Webhook: a message handed to an HTTP service that knows how to send it, signed, one connection each.

The request is a POST of one JSON object (UTF-8):

    {"id": "8c5e…", "channel": "email", "to": "ada@example.com", "code": "048213", "purpose": "gate",
     "expires_in": 600, "language": "en", "subject": "Your code for Example", "text": "Hello, …"}

    id          32 hexadecimal digits, random, one per message: the same id is the same message
    channel     how it has to travel: "email"
    to          the one address it goes to
    code        the code alone, for services with templates of their own; show it on no locked screen (subject)
    purpose     "gate" (a protected call) or "activate" (a factor is being set up)
    expires_in  seconds that the code is good for, rounded down, at least 1
    language    the language of subject and text (RFC 5646)
    subject     one line without the code
    text        the whole message, plain, with the code in it

More members may come; receivers ignore those that they do not know. Any 2xx means "accepted"; the body of the answer is
not read. Headers and signature are those of the Standard Webhooks specification (symmetric signatures, v1), for which
receivers find libraries:

    webhook-id          the id again: a receiver that keeps it sends no message twice (idempotency key)
    webhook-timestamp   seconds since 1970: refuse what is more than a few minutes off
    webhook-signature   "v1," and the base64 of HMAC-SHA-256 over `id.timestamp.body` with the shared secret

The libraries take the base64 of the secret; here it is the bytes of its file.

What stays out: words (texts), and sending again. A message is posted once; only where no connection came about, so that
nothing can have arrived, is there a second try within the same deadline.
"""

import asyncio
import hmac
import json
import ssl
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Final
from urllib.parse import urlsplit

import httpx2

from mfa_gateway.core.fault import DeliveryFailed
from mfa_gateway.core.message import CodeMessage
from mfa_gateway.senders.texts import Texts

# RFC 2104 section 3: keys shorter than the hash weaken it.
MIN_SECRET: Final = 32
# Seconds before the second try: long enough for a service that is just being restarted to listen again.
RETRY_PAUSE: Final = 0.25


@dataclass(frozen=True, slots=True)
class WebhookTerms:
    """A service and how to talk to it.

    Attributes:
        url: http or https, without user name and password. It may hold a key of its own, so it is never shown.
        secret: signs the requests, at least `MIN_SECRET` bytes.
        timeout: seconds for one whole delivery, the second try included, more than 0.

    Raises:
        ValueError: the URL is none, the secret is too short, or there is no time at all.
    """

    url: str = field(repr=False)
    secret: bytes = field(repr=False)
    timeout: float = 10.0

    def __post_init__(self) -> None:
        split = urlsplit(self.url)
        if split.scheme not in {"http", "https"} or not split.hostname or "@" in split.netloc:
            raise ValueError("the URL of a webhook must begin with http:// or https://, name a host and no password")
        if len(self.secret) < MIN_SECRET:
            raise ValueError(f"webhook {self.place}: the secret must have at least {MIN_SECRET} bytes")
        if not self.timeout > 0:
            raise ValueError(f"webhook {self.place}: the time-out must be more than 0 seconds")

    @property
    def place(self) -> str:
        """Where the service is, in words fit for a log: path and query may hold its key."""
        split = urlsplit(self.url)
        return f"{split.scheme}://{split.netloc}"


class WebhookSender:
    """Sends codes by posting them to a service.

    Args:
        terms: the service.
        texts: the words.
        clock: seconds since 1970, for the signature.
        tls: whom to trust; by default the authorities that httpx2 ships.
        wait: waits so many seconds, before the second try.
    """

    def __init__(
        self,
        terms: WebhookTerms,
        *,
        texts: Texts,
        clock: Callable[[], float] = time.time,
        tls: ssl.SSLContext | None = None,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._terms = terms
        self._texts = texts
        self._clock = clock
        self._wait = wait
        self._client = _http_client(tls or httpx2.create_ssl_context())

    async def send(self, message: CodeMessage) -> None:
        """Hand a message over to the service.

        Raises:
            DeliveryFailed: it was not accepted in time. The text names neither address nor code.
        """
        request = self._request(message)
        try:
            async with asyncio.timeout(self._terms.timeout):
                status = await self._post(request)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            # Without its cause, which holds the request.
            raise DeliveryFailed(f"webhook {self._terms.place}: {_cause(error)}") from None
        if not httpx2.codes.is_success(status):
            raise DeliveryFailed(f"webhook {self._terms.place}: the message was refused ({status})")

    async def close(self) -> None:
        """Close what is open. Messages under way fail."""
        await self._client.aclose()

    def _request(self, message: CodeMessage) -> httpx2.Request:
        unique, sent = token_hex(16), int(self._clock())
        body = json.dumps(self._document(message, unique), ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            "Webhook-Id": unique,
            "Webhook-Timestamp": str(sent),
            "Webhook-Signature": signature(self._terms.secret, unique=unique, sent=sent, body=body),
        }
        return self._client.build_request("POST", self._terms.url, content=body, headers=headers)

    def _document(self, message: CodeMessage, unique: str) -> dict[str, str | int]:
        text = self._texts.render(message)
        return {
            "id": unique,
            "channel": message.factor.value,
            "to": message.address,
            "code": message.code,
            "purpose": message.purpose.value,
            "expires_in": max(message.life_ms // 1000, 1),
            "language": text.language,
            "subject": text.subject,
            "text": text.body,
        }

    async def _post(self, request: httpx2.Request) -> int:
        """The status of the answer, after a second try where no connection came about."""
        try:
            return await self._status(request)
        except httpx2.ConnectError:
            await self._wait(RETRY_PAUSE)
            return await self._status(request)

    async def _status(self, request: httpx2.Request) -> int:
        response = await self._client.send(request, stream=True)
        await response.aclose()
        return response.status_code


def signature(secret: bytes, *, unique: str, sent: int, body: bytes) -> str:
    """The signature of a message: "v1," and base64 (Standard Webhooks, symmetric signatures)."""
    signed = f"{unique}.{sent}.".encode("ascii") + body
    return f"v1,{b64encode(hmac.digest(secret, signed, 'sha256')).decode('ascii')}"


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


def _cause(error: Exception) -> str:
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
