"""The main process's own look at the store: whether to start at all, and what /readyz says.

What stays out: running an embedded store, and using any.
"""

from mfa_gateway.app import open_if_there, store_settings
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.doors.health import StoreState
from mfa_gateway.settings import Settings
from mfa_gateway.state.opening import prepare_store


class Probe:
    """A client of the store that asks nothing but whether it is there."""

    def __init__(self, settings: Settings) -> None:
        # A store in the memory of a worker cannot be seen from here.
        self._store = prepare_store(store_settings(settings)) if settings.store.kind != "memory" else None

    async def look(self) -> None:
        """Examine the store, if it is there.

        Raises:
            StoreUnfit: it must not be used.
        """
        if self._store is not None:
            await open_if_there(self._store)

    async def state(self) -> tuple[StoreState, str]:
        """Whether it answers, and why not. A store that is away is asked once a second at most."""
        if self._store is None:
            return StoreState.PRIVATE, ""
        try:
            await self._store.check()
        except StoreUnavailable as fault:
            return StoreState.AWAY, str(fault)
        return StoreState.UP, ""

    async def close(self) -> None:
        """Leave."""
        if self._store is not None:
            await self._store.close()
