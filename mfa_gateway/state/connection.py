"""Connection forms: from `store.url` to a pool of connections.

A pool is made without a single retry: what must not be sent twice must not be sent twice by a library either. What
stays out: sending anything (line), and the private server behind `embedded` (embedded).
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from redis.asyncio.connection import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from mfa_gateway.state.errors import StoreUnfit
from mfa_gateway.state.line import CONNECTIONS

# unix(7): sun_path has 108 bytes on Linux and 104 on macOS, one of which ends the string.
LONGEST_SOCKET_PATH: Final = 103

_FORMS: Final = "embedded, redis://host:6379/0, rediss://host:6379/0, unix:///path/to.sock or memory://"

# redis-py takes any option of its own from here, retries and time-outs among them, and lets it win over ours.
_OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "redis": frozenset({"db"}),
    "rediss": frozenset({"db", "ssl_ca_certs"}),
    "unix": frozenset({"db"}),
}


def pool_for(url: str, *, connect_timeout: float) -> BlockingConnectionPool:
    """The pool that `url` describes. Nothing is connected yet. `connect_timeout` is in seconds.

    Raises:
        StoreUnfit: the form is unknown, not supported yet, or needs an extra that is not installed. The text never
            holds the URL, which may hold a password.
    """
    scheme, separator, _ = url.partition("://")
    match scheme if separator else None:
        case "memory":
            return _memory_pool(connect_timeout)
        case "redis" | "rediss" | "unix":
            _check(url, scheme)
            return BlockingConnectionPool.from_url(url, **_settings(connect_timeout))
        case "redis+sentinel" | "redis+cluster":
            raise StoreUnfit(f"store.url: {scheme}:// is not supported yet. Use {_FORMS}.")
        case _:
            raise StoreUnfit(f"store.url is of no known form. Use {_FORMS}.")


def _settings(connect_timeout: float) -> dict[str, Any]:
    return {
        "max_connections": CONNECTIONS,
        "timeout": connect_timeout,
        "retry": Retry(NoBackoff(), 0),
        "health_check_interval": 0,
        "socket_connect_timeout": connect_timeout,
        # The line sets one deadline for a whole batch; one more for each read would only cost.
        "socket_timeout": None,
        # RESP 2 needs no HELLO, and brings no maintenance messages that change time-outs behind our back.
        "protocol": 2,
    }


def _check(url: str, scheme: str) -> None:
    try:
        split = urlsplit(url)
        host = split.hostname if split.port != 0 else None
    except ValueError:
        raise StoreUnfit(f"store.url cannot be read. Use {_FORMS}.") from None
    unknown = parse_qs(split.query, keep_blank_values=True).keys() - _OPTIONS[scheme]
    if unknown or split.fragment:
        raise StoreUnfit("store.url must not hold options after '?': set store.timeout and store.connect_timeout.")
    if scheme == "unix":
        check_socket_path(unquote(split.path))
    elif not host:
        raise StoreUnfit(f"store.url must name a host and a port, as in {scheme}://127.0.0.1:6379/0.")


def check_socket_path(path: str) -> None:
    """See whether a Unix socket can have this path.

    Raises:
        StoreUnfit: it is too long for the operating system, or not absolute.
    """
    length = len(path.encode("utf-8", "surrogateescape"))
    if not path.startswith("/"):
        raise StoreUnfit("store.url must name an absolute path, with three slashes: unix:///run/valkey.sock.")
    if length > LONGEST_SOCKET_PATH:
        raise StoreUnfit(
            f"The path of the store's socket has {length} bytes, and a Unix socket takes {LONGEST_SOCKET_PATH}. "
            f"Choose a shorter store.data_dir or store.url. The path is {path}."
        )


def _memory_pool(connect_timeout: float) -> BlockingConnectionPool:
    try:
        from fakeredis import FakeServer  # noqa: PLC0415 - a development extra, loaded only where it is asked for
        from fakeredis.aioredis import FakeAsyncRedisConnection  # noqa: PLC0415
    except ImportError as error:
        raise StoreUnfit("store.url: memory:// needs its extra: pip install 'mfa-gateway[memory]'.") from error
    return BlockingConnectionPool(
        connection_class=FakeAsyncRedisConnection, server=FakeServer(version=(7, 0)), **_settings(connect_timeout)
    )
