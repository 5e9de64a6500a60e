"""Issuing: the gateway's own key, its own sessions, and its own tokens at its own gate, put together.

Nothing here is opened before it is needed: a gateway whose dialects log nobody in never makes a key. mypy proves here
that the rooms fit the ports. What stays out: which dialect opens sessions, and in whose name (the dialects' settings).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

from mfa_gateway.core.account import Caller
from mfa_gateway.core.site import Site
from mfa_gateway.engine.ports import Minter, Sessions
from mfa_gateway.identity.minting import Minter as OwnMinter
from mfa_gateway.identity.own_key import OwnKey, draw_key, kept_key, written_key
from mfa_gateway.identity.own_tokens import OwnIssuer, OwnTokens
from mfa_gateway.settings.identity import DEFAULT_SUBPROTOCOL
from mfa_gateway.state.store import Store


class Issuing:
    """What a dialect needs that logs people in.

    Attributes:
        minter: signs in the gateway's name.
        sessions: opens and closes sessions.
        tokens: judges the gateway's own bearer tokens; None where there is no name to sign them in.
    """

    def __init__(self, store: Store, *, issuers: Mapping[str, OwnIssuer], key_file: bytes | None = None) -> None:
        """`issuers`: the names to sign in, by `iss`. `key_file`: a key in PEM in the place of the one that is kept.

        Raises:
            ValueError: the key of the file cannot be used; the text says why.
        """
        minter = _written(key_file) if key_file is not None else _kept(store)
        self.minter: Minter = minter
        self.sessions: Sessions = store
        self.tokens = OwnTokens(issuers, minter=minter, sessions=store, clock=time.time) if issuers else None

    @property
    def is_open(self) -> Callable[[Caller], Awaitable[bool]] | None:
        """Tells of callers whose session may have been closed by itself; None where there are none."""
        return None if self.tokens is None else self.tokens.is_open

    def token_subprotocols(self) -> frozenset[str]:
        """The WebSocket sub-protocols that bring a token of our own: that which brings others' as well."""
        return frozenset() if self.tokens is None else frozenset({DEFAULT_SUBPROTOCOL})


def own_issuers(sites: Iterable[Site]) -> dict[str, OwnIssuer]:
    """The names that sites sign tokens in, by `iss`.

    Raises:
        ValueError: one name would stand for two realms.
    """
    issuers: dict[str, OwnIssuer] = {}
    for site in sites:
        if site.issuer and issuers.setdefault(site.issuer, OwnIssuer(site.realm)).realm != site.realm:
            raise ValueError(f"tokens of {site.issuer} would name accounts of two realms: give each realm its own site")
    return issuers


def _written(pem: bytes) -> OwnMinter:
    key = written_key(pem)

    async def load() -> OwnKey:
        return key

    return OwnMinter(load)


def _kept(store: Store) -> OwnMinter:
    async def load() -> OwnKey:
        return kept_key(await store.signing_key(_drawn))

    return OwnMinter(load)


async def _drawn() -> bytes:
    """A new key, made beside the loop: calls go on meanwhile."""
    return await asyncio.to_thread(draw_key)
