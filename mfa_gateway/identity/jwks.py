"""Fetched key sets: asked for once, kept, refreshed while they are used, never lost to an outage.

Theory. A token can name any key, so what tokens name must not decide how often the issuer is asked: there is one fetch
at a time, and at most one in `MIN_PAUSE` seconds, whatever arrives. A set that is due is refreshed in the background
while the old one still answers. When the issuer is away or answers nonsense the old keys go on counting, for as long
as that lasts; only a set that was read replaces them. A key that the new set does not hold is withdrawn, which raises
the edition, and with that everything remembered under it is void.

What stays out: reading a set (jwk), and which key verifies what (keys).
"""

import asyncio
import math
import re
from collections.abc import Callable, Collection
from typing import Final

import httpx2
from structlog.typing import FilteringBoundLogger

from mfa_gateway.core.fault import IdentityUnavailable
from mfa_gateway.identity.fetching import read_document
from mfa_gateway.identity.jwk import read_key_set
from mfa_gateway.identity.keys import KeySet, VerificationKey

# Seconds. A set with the keys of a large issuer has some 10 kB.
MAX_BYTES: Final = 256 * 1024
MIN_PAUSE: Final = 30.0
# As long as there are no keys at all every call is refused, so asking again is worth more.
FIRST_PAUSE: Final = 5.0
# How long a set is fresh: what Cache-Control says (RFC 9111 section 5.2.2.1) within these bounds, else ten minutes.
MIN_FRESH: Final = 60.0
MAX_FRESH: Final = 86_400.0
DEFAULT_FRESH: Final = 600.0
FETCH_DEADLINE: Final = 5.0
ACCEPT: Final = "application/jwk-set+json, application/json"

_MAX_AGE: Final = re.compile(r'(?:^|,)[ \t]*max-age="?([0-9]{1,9})"?[ \t]*(?:,|$)', re.ASCII | re.IGNORECASE)
_NO_CACHE: Final = re.compile(r"(?:^|,)[ \t]*no-(?:cache|store)[ \t]*(?:,|$)", re.IGNORECASE)


class FetchedKeys:
    """The keys of one issuer that publishes them at a URL. Belongs to one event loop."""

    def __init__(
        self,
        url: str,
        algorithms: Collection[str],
        *,
        client: httpx2.AsyncClient,
        monotonic: Callable[[], float],
        log: FilteringBoundLogger,
        deadline: float = FETCH_DEADLINE,
    ) -> None:
        self._url = url
        self._algorithms = algorithms
        self._client = client
        self._monotonic = monotonic
        self._log = log
        self._deadline = deadline
        self._keys: KeySet | None = None
        self._edition = 0
        self._due_at = -math.inf
        self._allowed_at = -math.inf
        self._fetch: asyncio.Task[None] | None = None

    @property
    def edition(self) -> int:
        """Goes up whenever a key was withdrawn."""
        return self._edition

    def freshen(self) -> None:
        """Fetch again in the background where that is due."""
        if self._monotonic() >= self._due_at:
            self._begin_fetch()

    async def find(self, key_id: str | None, algorithm: str) -> VerificationKey | None:
        """The key that a header means. A name that is not known is asked for, at most once per `MIN_PAUSE`.

        Raises:
            IdentityUnavailable: no key set could be fetched yet.
        """
        keys = self._keys or await self._fetched()
        if keys is None:
            raise IdentityUnavailable(f"no key set could be fetched yet from {self._url}")
        self.freshen()
        if key_id is not None and not keys.has(key_id) and keys.find(key_id, algorithm) is None:
            keys = await self._fetched() or keys
        return keys.find(key_id, algorithm)

    async def close(self) -> None:
        """Give up a fetch that is under way."""
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.wait({self._fetch})

    async def _fetched(self) -> KeySet | None:
        """What is known after the fetch that is under way, or after a new one where one is allowed."""
        self._begin_fetch()
        if self._fetch is not None:
            # Not awaited itself: a caller that goes away must not take the fetch of all others with it.
            await asyncio.wait({self._fetch})
        return self._keys

    def _begin_fetch(self) -> None:
        if self._fetch is None and self._monotonic() >= self._allowed_at:
            self._allowed_at = self._monotonic() + MIN_PAUSE
            self._fetch = asyncio.get_running_loop().create_task(self._refresh(), name="fetch key set")
            self._fetch.add_done_callback(self._end_fetch)

    def _end_fetch(self, _: asyncio.Task[None]) -> None:
        self._fetch = None

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(self._deadline):
                document, fresh = await self._download()
            keys = read_key_set(document, self._algorithms)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            self._postpone(f"{type(error).__name__}: {error}")
        else:
            self._adopt(keys)
            self._due_at = self._monotonic() + fresh

    async def _download(self) -> tuple[bytes, float]:
        """The document and how long it is fresh.

        Raises:
            ValueError: the answer is not a plain document of at most `MAX_BYTES`.
        """
        async with self._client.stream("GET", self._url) as response:
            document = await read_document(response, limit=MAX_BYTES)
            return document, freshness(response.headers.get("cache-control", ""))

    def _postpone(self, why: str) -> None:
        self._allowed_at = self._monotonic() + (FIRST_PAUSE if self._keys is None else MIN_PAUSE)
        known = len(self._keys.keys) if self._keys else 0
        self._log.warning("key set not fetched", url=self._url, why=why, known_keys=known)

    def _adopt(self, keys: KeySet) -> None:
        known, self._keys = self._keys, keys
        if known == keys:
            return
        if known is not None and not keys.has_all(known.keys):
            self._edition += 1
        self._log.info("key set fetched", url=self._url, keys=len(keys.keys), refused=list(keys.refused))


def freshness(cache_control: str) -> float:
    """Seconds for which a key set with this Cache-Control is fresh."""
    if _NO_CACHE.search(cache_control):
        return MIN_FRESH
    found = _MAX_AGE.search(cache_control)
    return min(max(float(found[1]), MIN_FRESH), MAX_FRESH) if found else DEFAULT_FRESH
