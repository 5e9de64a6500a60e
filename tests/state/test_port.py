"""The fit of the room to the engine's port, and to the directory's: by shape, proved by mypy, seen here to run."""

import inspect
from collections.abc import Callable

import pytest

from mfa_gateway.directory.records import RecordDirectory
from mfa_gateway.engine import ports
from mfa_gateway.state import Store

# What mypy checks: a parameter of the one type that accepts the other.
as_port: Callable[[Store], ports.Store] = lambda store: store  # noqa: E731 - the annotation is the point
as_directory: Callable[[Store], ports.Directory] = RecordDirectory


@pytest.mark.parametrize("name", [name for name in vars(ports.Store) if not name.startswith("_")])
def test_the_store_has_every_method_of_the_port_with_the_same_parameters(name: str) -> None:
    asked, given = getattr(ports.Store, name), getattr(Store, name)
    assert inspect.signature(given) == inspect.signature(asked)


async def test_the_directory_finds_nobody_who_is_not_on_record(store: Store) -> None:
    assert as_port(store) is store
    assert as_directory(store) is not None
