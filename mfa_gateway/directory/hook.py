"""The hook: asking a system of the operator's own over HTTP, signed, within a deadline, and never too much of it.

Two questions travel this way, that about a person (remote) and that about a password (credentials). Headers are those
of the Standard Webhooks specification (symmetric signatures, v1):

    webhook-id          32 hexadecimal digits, random, one per request
    webhook-timestamp   seconds since 1970: refuse what is more than a few minutes off
    webhook-signature   "v1," and the base64 of HMAC-SHA-256 over `id.timestamp.content` with the shared secret

`content` is the body of a POST. A GET has none: there it is the method, one space, and the target as it is on the
request line, path and query: `GET /people?realm=shop&subject=ada`. The libraries take the base64 of the secret; here it
is the bytes of its file.

Answers are not signed: use https, or a network that is yours. What stays out: what is asked, and what answers mean.
"""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Final, NoReturn
from urllib.parse import quote, urlencode, urlsplit

import httpx2

from mfa_gateway.core.signature import MIN_SIGNING_SECRET, request_content, signature_headers

# An answer is a handful of members.
MAX_BYTES: Final = 64 * 1024


class HookFailed(Exception):
    """There is no answer that could be used. The text holds nothing of what was asked."""


class HookAway(HookFailed):
    """Nobody answered at all: it makes sense to leave the service alone for a moment."""


@dataclass(frozen=True, slots=True)
class HookTerms:
    """A system and how to talk to it.

    Attributes:
        url: http or https, without user name and password. It may hold a key of its own, so it is never shown.
        secret: signs the requests, at least `MIN_SIGNING_SECRET` bytes.
        timeout: seconds for one whole question, more than 0.

    Raises:
        ValueError: the URL is none, the secret is too short, or there is no time at all.
    """

    url: str = field(repr=False)
    secret: bytes = field(repr=False)
    timeout: float = 2.0

    def __post_init__(self) -> None:
        split = urlsplit(self.url)
        if split.scheme not in {"http", "https"} or not split.hostname or "@" in split.netloc or split.fragment:
            raise ValueError("the URL of a hook must begin with http:// or https://, name a host and no password")
        if len(self.secret) < MIN_SIGNING_SECRET:
            raise ValueError(f"hook {self.place}: the secret must have at least {MIN_SIGNING_SECRET} bytes")
        if not self.timeout > 0:
            raise ValueError(f"hook {self.place}: the time-out must be more than 0 seconds")

    @property
    def place(self) -> str:
        """Where the system is, in words fit for a log: path and query may hold its key."""
        split = urlsplit(self.url)
        return f"{split.scheme}://{split.netloc}"


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """Status of an answer, and the body of a good one (200)."""

    status: int
    body: bytes = field(default=b"", repr=False)


class Hook:
    """Asks one system. Belongs to one event loop.

    Args:
        terms: the system.
        clock: seconds since 1970, for the signature.
        tls: whom to trust; by default the authorities that httpx2 ships.
    """

    def __init__(
        self, terms: HookTerms, *, clock: Callable[[], float] = time.time, tls: ssl.SSLContext | None = None
    ) -> None:
        self._terms = terms
        self._clock = clock
        trust = tls or httpx2.create_ssl_context()
        self._kept = _http_client(trust, kept=_KEPT_CONNECTIONS)
        self._fresh = _http_client(trust, kept=0)

    async def get(self, query: Mapping[str, str]) -> HookAnswer:
        """Ask with a GET, whose parameters are added to those of the URL.

        A kept connection that turns out to be closed is replaced, within the same deadline: a question changes nothing.

        Raises:
            HookFailed: there is no answer in time.
        """
        async with _deadline(self._terms.timeout):
            url = self._with(query)
            try:
                return await self._ask(self._kept, self._signed_get(url))
            except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
                return await self._ask(self._kept, self._signed_get(url))

    async def post(self, document: Mapping[str, str]) -> HookAnswer:
        """Ask with a POST of one JSON object, once, on a connection of its own: whoever counts has to count it once.

        Raises:
            HookFailed: there is no answer in time. Whether the question arrived is unknown.
        """
        async with _deadline(self._terms.timeout):
            body = json.dumps(document, ensure_ascii=False).encode()
            headers = {"Content-Type": "application/json", "Connection": "close", **self._signature(body)}
            request = self._fresh.build_request("POST", self._terms.url, content=body, headers=headers)
            return await self._ask(self._fresh, request)

    async def close(self) -> None:
        """Close every connection. Questions under way fail."""
        await self._kept.aclose()
        await self._fresh.aclose()

    def _with(self, query: Mapping[str, str]) -> str:
        separator = "&" if urlsplit(self._terms.url).query else "?"
        return f"{self._terms.url}{separator}{urlencode(query, quote_via=quote, safe='')}"

    def _signed_get(self, url: str) -> httpx2.Request:
        request = self._kept.build_request("GET", url)
        request.headers.update(self._signature(request_content("GET", request.url.raw_path.decode("ascii"))))
        return request

    def _signature(self, content: bytes) -> Mapping[str, str]:
        return signature_headers(self._terms.secret, unique=token_hex(16), sent=int(self._clock()), content=content)

    async def _ask(self, client: httpx2.AsyncClient, request: httpx2.Request) -> HookAnswer:
        response = await client.send(request, stream=True)
        try:
            if response.status_code == httpx2.codes.OK:
                return HookAnswer(response.status_code, await _read(response))
            await _finish(response)
            return HookAnswer(response.status_code)
        finally:
            await response.aclose()


@asynccontextmanager
async def _deadline(seconds: float) -> AsyncIterator[None]:
    """Ends what takes too long, and puts everything that goes wrong into words that hold nothing of the question."""
    try:
        async with asyncio.timeout(seconds):
            yield
    # Without their causes, which hold the request.
    except TimeoutError:
        raise HookAway("it did not answer in time") from None
    except httpx2.ConnectError:
        raise HookAway("it could not be reached: is it running, and does its certificate check?") from None
    except httpx2.TransportError:
        raise HookAway("the connection broke before it answered") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        raise HookFailed(f"the question failed ({type(error).__name__})") from None


async def _read(response: httpx2.Response) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise HookFailed("the answer is compressed although nobody asked for that")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_BYTES:
            raise HookFailed(f"the answer is larger than {MAX_BYTES} bytes")
    return bytes(body)


async def _finish(response: httpx2.Response) -> None:
    """Read over a short body that says nothing to us: a connection with an unread one cannot be kept."""
    left = MAX_BYTES
    async for chunk in response.aiter_raw():
        left -= len(chunk)
        if left < 0:
            return


def read_object(body: bytes) -> Mapping[str, object]:
    """The JSON object of an answer.

    Raises:
        HookFailed: it is none, or names a member twice, so that two readers could see two answers.
    """
    try:
        document = json.loads(body, object_pairs_hook=_without_doubles, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise HookFailed("the answer is not a JSON object that names each member once") from None
    if not isinstance(document, dict):
        raise HookFailed("the answer is not a JSON object")
    return document


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a member is named twice")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_KEPT_CONNECTIONS: Final = 20


def _http_client(tls: ssl.SSLContext, *, kept: int) -> httpx2.AsyncClient:
    """A client that goes where it is told to and nowhere else: no redirects, no proxies of the environment."""
    return httpx2.AsyncClient(
        verify=tls,
        trust_env=False,
        follow_redirects=False,
        timeout=None,
        limits=httpx2.Limits(max_keepalive_connections=kept),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "mfa-gateway"},
    )
