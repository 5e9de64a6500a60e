"""State: the only room that speaks Redis.

    prepare_store, open_store     a `Store` from `StoreSettings`
    EmbeddedStore, join           the private server behind `store.url: embedded`
    StoreUnfit, StoreOwned        what a person has to change before the gateway can start

One implementation, Lua scripts as package data, every key in one hash tag. What stays out: decisions. Policy decides
numbers, which arrive as arguments; the scripts enforce what must hold with them.
"""

from mfa_gateway.state.embedded import EmbeddedStore, join
from mfa_gateway.state.errors import StoreOwned, StoreUnfit
from mfa_gateway.state.opening import StoreSettings, open_store, prepare_store
from mfa_gateway.state.records import AccountFacts, AccountRecord, BudgetFacts
from mfa_gateway.state.store import Store

__all__ = [
    "Store", "StoreSettings", "open_store", "prepare_store",
    "AccountRecord", "AccountFacts", "BudgetFacts",
    "EmbeddedStore", "join",
    "StoreUnfit", "StoreOwned",
]  # fmt: skip
