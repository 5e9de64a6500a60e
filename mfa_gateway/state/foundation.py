"""The foundation: what every method of the store stands on, and what is checked before the first of them.

A store is fit for use if it answers, keeps what it is given (`maxmemory-policy noeviction`: eviction would erase bans
and epochs), speaks a schema that this version knows, and holds an index key that `secrets.keys` unseal. The first
worker ever writes schema and index key; SET NX makes all agree on one.

A store that is away when the gateway starts is opened by the first call that reaches it, and examined once a second at
most until then: what turns out to be unfit only later refuses every call, and says so. What stays out: the meaning of
keys and values.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

import structlog
from redis.exceptions import ResponseError

from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.state import scripts
from mfa_gateway.state.circuit import Circuit
from mfa_gateway.state.digests import Digests
from mfa_gateway.state.errors import StoreUnfit
from mfa_gateway.state.keys import INDEX_KEY, SCHEMA, Keys
from mfa_gateway.state.line import Line
from mfa_gateway.state.vault import CannotUnseal, Vault, new_index_key, sub_key

SCHEMA_VERSION: Final = 2

_POLICY: Final = "noeviction"


@dataclass(frozen=True, slots=True)
class Names:
    """What is made with the index key: keys of the store, and digests for its values."""

    keys: Keys
    digests: Digests


class Foundation:
    """Opens a store once, whoever needs it first."""

    def __init__(
        self, line: Line, vault: Vault, *, is_volatile: bool = False, clock: Callable[[], float] = monotonic
    ) -> None:
        """`is_volatile`: a store in this process, which has neither limits nor a policy to ask about."""
        self.line = line
        self.vault = vault
        self._is_volatile = is_volatile
        self._names: Names | None = None
        self._opening = asyncio.Lock()
        self._circuit = Circuit(clock)
        self._why = ""
        self._told = ""
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

    async def open(self) -> Names:
        """Check the store, if nobody has yet.

        Raises:
            StoreUnfit: it must not be used; the text says why.
            StoreUnavailable: it cannot be asked now.
        """
        async with self._opening:
            if self._names is None:
                self._names = await self._found()
            return self._names

    async def _found(self) -> Names:
        try:
            return await self._examine()
        except (StoreUnfit, StoreUnavailable) as error:
            self._why = str(error)
            self._circuit.broke()
            raise

    async def names(self) -> Names:
        """The names of this store, which is opened where it was not.

        Raises:
            StoreUnavailable: it cannot be asked now, or must not be used.
        """
        if self._names is not None:
            return self._names
        if self._circuit.has_to_wait():
            raise StoreUnavailable(self._why)
        try:
            return await self.open()
        except StoreUnfit as error:
            self._tell(str(error))
            raise StoreUnavailable(str(error)) from error

    def _tell(self, why: str) -> None:
        """Say once, not once a second, what somebody has to change."""
        if why != self._told:
            self._log.error("the store must not be used", why=why)
            self._told = why

    def names_now(self) -> Names:
        """The names of a store that was opened before.

        Raises:
            StoreUnavailable: it was not.
        """
        if self._names is None:
            raise StoreUnavailable("the store was not opened yet")
        return self._names

    async def _examine(self) -> Names:
        await self.line.ask("PING")
        if not self._is_volatile:
            await self._check_policy()
        await self._check_schema()
        index_key = await self._index_key()
        await asyncio.gather(*(script.load(self.line) for script in scripts.ALL))
        return Names(Keys(sub_key(index_key, "keys")), Digests(sub_key(index_key, "digests")))

    async def _check_policy(self) -> None:
        policy = await self._policy()
        if policy is None:
            self._log.warning("the store does not tell its maxmemory-policy", needed=_POLICY)
        elif policy != _POLICY:
            raise StoreUnfit(
                f"The store has maxmemory-policy {policy}: when memory is short it would forget bans and revocations. "
                f"Set it to {_POLICY} (CONFIG SET maxmemory-policy {_POLICY}, and in its configuration file)."
            )

    async def _policy(self) -> str | None:
        """The store's `maxmemory-policy`; None where this user may not know."""
        info = await self._reply_if_allowed("INFO", "memory")
        if isinstance(info, bytes):
            for line in info.decode("utf-8", "replace").splitlines():
                name, _, value = line.partition(":")
                if name == "maxmemory_policy":
                    return value
        pair = await self._reply_if_allowed("CONFIG", "GET", "maxmemory-policy")
        return pair[1].decode("utf-8", "replace") if isinstance(pair, list) and len(pair) > 1 else None

    async def _reply_if_allowed(self, *words: str) -> object:
        try:
            return await self.line.ask(*words)
        except StoreUnavailable as error:
            if isinstance(error.__cause__, ResponseError):
                return None
            raise

    async def _check_schema(self) -> None:
        await self.line.ask("SET", SCHEMA, SCHEMA_VERSION, "NX")
        found = await self.line.ask("GET", SCHEMA)
        if found != b"%d" % SCHEMA_VERSION:
            # An older one is refused as well: read by other names, everybody in it would seem to be new.
            raise StoreUnfit(
                f"The store was written by another version of mfa_gateway ({SCHEMA} is not {SCHEMA_VERSION}). "
                "Start that version, or use another store."
            )

    async def _index_key(self) -> bytes:
        await self.line.ask("SET", INDEX_KEY, self.vault.seal(new_index_key(), INDEX_KEY), "NX")
        sealed = await self.line.ask("GET", INDEX_KEY)
        if sealed is None:
            raise StoreUnavailable(f"the store lost {INDEX_KEY} at once")
        try:
            return self.vault.unseal(sealed, INDEX_KEY)
        except CannotUnseal as error:
            raise StoreUnfit(
                f"The store is sealed with keys that are not among secrets.keys ({INDEX_KEY}: {error}). "
                "Add the key it was made with, or use another store."
            ) from error
