import sys
from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio.connection import BlockingConnectionPool, Connection, SSLConnection, UnixDomainSocketConnection

from mfa_gateway.state.connection import LONGEST_SOCKET_PATH, check_socket_path, pool_for
from mfa_gateway.state.errors import StoreUnfit
from mfa_gateway.state.line import CONNECTIONS


def pool(url: str) -> BlockingConnectionPool:
    return pool_for(url, connect_timeout=0.25)


def connection_of(made: BlockingConnectionPool) -> Any:
    return made.make_connection()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("url", "kind", "settings"),
    [
        ("redis://store.test:6380/2", Connection, {"host": "store.test", "port": 6380, "db": 2}),
        ("redis://user:p%40ss@store.test", Connection, {"host": "store.test", "username": "user", "password": "p@ss"}),
        ("rediss://store.test", SSLConnection, {"host": "store.test"}),
        ("rediss://store.test?ssl_ca_certs=/etc/ca.pem", SSLConnection, {"ssl_ca_certs": "/etc/ca.pem"}),
        ("unix:///run/valkey.sock?db=1", UnixDomainSocketConnection, {"path": "/run/valkey.sock", "db": 1}),
    ],
)
def test_a_url_says_where_the_store_is(url: str, kind: type, settings: dict[str, Any]) -> None:
    made = pool(url)
    assert made.connection_class is kind
    assert settings.items() <= made.connection_kwargs.items()


@pytest.mark.parametrize("url", ["redis://store.test", "rediss://store.test", "unix:///run/valkey.sock", "memory://"])
def test_nothing_is_ever_retried_and_nothing_asked_of_an_idle_connection(url: str) -> None:
    connection = connection_of(pool(url))
    assert connection.retry.get_retries() == 0
    assert connection.retry_on_error == []
    assert not connection.retry_on_timeout
    assert connection.health_check_interval == 0
    assert connection.protocol == 2


def test_a_pool_has_as_many_connections_as_the_line_uses() -> None:
    made = pool("redis://store.test")
    assert made.max_connections == CONNECTIONS
    assert made.connection_kwargs["socket_connect_timeout"] == 0.25


def test_tls_asks_for_a_certificate_of_that_name() -> None:
    made = pool("rediss://store.test")
    connection = connection_of(made)
    assert connection.ssl_context.check_hostname
    assert connection.ssl_context.get().verify_mode.name == "CERT_REQUIRED"


@pytest.mark.parametrize("scheme", ["redis+sentinel", "redis+cluster"])
def test_what_is_not_supported_yet_says_so(scheme: str) -> None:
    with pytest.raises(StoreUnfit, match=rf"{scheme.replace('+', '.')}:// is not supported yet"):
        pool(f"{scheme}://host:26379/service")


@pytest.mark.parametrize("url", ["", "redis", "http://host", "redis:/host", "valkey://host", "embedded"])
def test_an_unknown_form_is_refused(url: str) -> None:
    with pytest.raises(StoreUnfit, match="no known form"):
        pool(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://host?retry_on_timeout=true",
        "redis://host?socket_timeout=5",
        "redis://host?ssl_ca_certs=/etc/ca.pem",
        "rediss://host?ssl_cert_reqs=none",
        "unix:///run/s?health_check_interval=1",
        "redis://host#part",
    ],
)
def test_options_that_would_undo_ours_are_refused(url: str) -> None:
    with pytest.raises(StoreUnfit, match="must not hold options"):
        pool(url)


@pytest.mark.parametrize(
    "url", ["redis://", "redis:///0", "redis://:6379", "redis://host:0", "redis://[::1", "redis://h:x"]
)
def test_a_url_without_a_host_is_refused(url: str) -> None:
    with pytest.raises(StoreUnfit, match=r"store\.url"):
        pool(url)


@pytest.mark.parametrize(
    "url", ["redis://:hunter2@", "redis://u:hunter2@h?x=1", "unix://u:hunter2@relative", "x://hunter2"]
)
def test_a_password_is_never_in_an_error(url: str) -> None:
    with pytest.raises(StoreUnfit) as caught:
        pool(url)
    assert "hunter2" not in str(caught.value)


def test_a_socket_path_may_be_as_long_as_the_system_takes() -> None:
    check_socket_path("/" + "x" * (LONGEST_SOCKET_PATH - 1))
    with pytest.raises(StoreUnfit, match=r"104 bytes, and a Unix socket takes 103.*shorter store\.data_dir"):
        check_socket_path("/" + "x" * LONGEST_SOCKET_PATH)
    with pytest.raises(StoreUnfit, match="absolute path"):
        pool("unix://valkey.sock")


def test_memory_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fakeredis", None)
    with pytest.raises(StoreUnfit, match=r"pip install 'mfa-gateway\[memory\]'"):
        pool("memory://")


def test_each_memory_is_its_own(request: pytest.FixtureRequest) -> None:
    servers: Callable[[], Any] = lambda: pool("memory://").connection_kwargs["server"]  # noqa: E731 - asked twice
    assert servers() is not servers()
