"""Opening: from the settings of a store to a `Store`.

What stays out: owning the private server behind `embedded`. The gateway's main process does that (embedded); what is
opened here is a client of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from mfa_gateway.state.connection import pool_for
from mfa_gateway.state.embedded import url_of
from mfa_gateway.state.errors import StoreUnfit
from mfa_gateway.state.foundation import Foundation
from mfa_gateway.state.line import Line
from mfa_gateway.state.near import NearStandings
from mfa_gateway.state.store import Store
from mfa_gateway.state.vault import Vault


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where a store is and what protects it.

    Attributes:
        url: `store.url`; it may hold a password.
        keys: `secrets.keys`, of 32 bytes each, newest first.
        data_dir: where the files of `embedded` are; somebody has to own it by the time that the store is asked.
        timeout: seconds for one answer.
        connect_timeout: seconds for one connection.
        near_entries: how many standings may be remembered in this process.
        near_max_stale: how old, in seconds, what is remembered may be while the store tells nothing.
    """

    url: str = field(repr=False)
    keys: tuple[bytes, ...] = field(repr=False)
    data_dir: Path | None = None
    timeout: float = 0.1
    connect_timeout: float = 0.25
    near_entries: int = 50_000
    near_max_stale: float = 2.0


def prepare_store(settings: StoreSettings, *, clock: Callable[[], float] = monotonic) -> Store:
    """A store that nothing was asked of yet. `Store.open` checks it; so does whatever is asked first.

    A gateway that has to start while its store is away begins here. `clock` gives monotonic seconds.

    Raises:
        StoreUnfit: the settings are wrong; the text says what to do.
    """
    vault = Vault(settings.keys)
    pool = pool_for(_address(settings), connect_timeout=settings.connect_timeout)
    near = NearStandings(entries=settings.near_entries, max_stale=settings.near_max_stale, clock=clock)
    line = Line(pool, timeout=settings.timeout, connect_timeout=settings.connect_timeout, clock=clock, near=near)
    foundation = Foundation(line, vault, is_volatile=settings.url.startswith("memory:"), clock=clock)
    return Store(foundation)


async def open_store(settings: StoreSettings, *, clock: Callable[[], float] = monotonic) -> Store:
    """A store that was found fit for use.

    Raises:
        StoreUnfit: it must not be used; the text says why and what to do.
        StoreUnavailable: it cannot be asked now.
    """
    store = prepare_store(settings, clock=clock)
    try:
        await store.open()
    except BaseException:
        await store.close()
        raise
    return store


def _address(settings: StoreSettings) -> str:
    if settings.url != "embedded":
        return settings.url
    if settings.data_dir is None:
        raise StoreUnfit("store.url: embedded needs store.data_dir.")
    return url_of(settings.data_dir)
