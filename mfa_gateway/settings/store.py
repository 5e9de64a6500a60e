"""The sections about what is kept: the store, the keys that protect it, the cache in front of it.

What stays out: speaking to a store.
"""

from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, PlainSerializer, SecretBytes, SecretStr, WithJsonSchema

from mfa_gateway.settings.durations import Duration, within
from mfa_gateway.settings.files import ConfiguredPath, Key, ReadKeysFile
from mfa_gateway.settings.section import Bool, Int, Section, exactly_one_of

StoreKind = Literal["embedded", "memory", "unix", "redis", "rediss", "redis+sentinel", "redis+cluster"]

_FORMS: Final = "embedded, redis://host:6379/0, rediss://host:6379/0, unix:///path/to.sock or memory://"
_SCHEMES: Final[dict[str, StoreKind]] = {
    "memory": "memory",
    "unix": "unix",
    "redis": "redis",
    "rediss": "rediss",
    "redis+sentinel": "redis+sentinel",
    "redis+cluster": "redis+cluster",
}


def store_kind(url: str) -> StoreKind:
    """Which connection form a store URL has.

    Raises:
        ValueError: none of them. The text never holds the URL, which may hold a password.
    """
    if url == "embedded":
        return "embedded"
    kind = _SCHEMES.get(url.partition("://")[0]) if "://" in url else None
    if kind is None:
        raise ValueError(f"must be one of {_FORMS}")
    return kind


def _read_url(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value()
    match store_kind(url):
        case "embedded":
            pass
        case "memory":
            _check_memory(url)
        case "unix":
            _check_unix(url)
        case _:
            _check_network(url)
    return secret


def _check_memory(url: str) -> None:
    if url != "memory://":
        raise ValueError("write memory:// and nothing after it")


def _check_unix(url: str) -> None:
    split = urlsplit(url)
    if split.netloc.rpartition("@")[2] or not split.path.strip("/"):
        raise ValueError("must name an absolute path, with three slashes: unix:///run/valkey.sock")
    if split.query and not split.query.removeprefix("db=").isdigit():
        raise ValueError("takes ?db=NUMBER and no other option: set time-outs with store.timeout")


def _check_network(url: str) -> None:
    try:
        split = urlsplit(url)
        names_host = bool(split.hostname and split.port != 0)
    except ValueError:
        names_host, split = False, urlsplit("")
    if not names_host:
        raise ValueError("must name a host and a port, as in redis://127.0.0.1:6379/0")
    if split.query or split.fragment:
        # redis-py takes options from here, among them retries: a script that counts must never be sent twice.
        raise ValueError("must not hold options after '?': set time-outs with store.timeout and store.connect_timeout")


def _masked(secret: SecretStr) -> str:
    before, at, after = secret.get_secret_value().rpartition("@")
    return f"{before.partition('://')[0]}://***@{after}" if at else after


StoreUrl = Annotated[
    SecretStr,
    AfterValidator(_read_url),
    PlainSerializer(_masked, return_type=str, when_used="json"),
    WithJsonSchema(
        {"type": "string", "pattern": r"^(embedded|memory://|(unix|redis|rediss|redis\+sentinel|redis\+cluster)://.+)$"}
    ),
]


class Store(Section):
    """Where proofs, codes, bans and enrolments are kept."""

    # A default too has to learn which folder its paths are meant from.
    model_config = ConfigDict(revalidate_instances="always")

    url: Annotated[StoreUrl, Field(json_schema_extra={"default": "embedded"})] = SecretStr("embedded")
    """embedded (a private Valkey of the gateway's own), redis://, rediss://, unix:// or memory:// (forgets at exit)."""
    data_dir: Annotated[ConfiguredPath, Field(validate_default=True)] = Path("data")
    """Folder of the embedded store's files. Relative to this file."""
    timeout: Annotated[Duration, within("1ms", "1m")] = 0.1
    """For one answer of the store. After it, protected routes refuse (503)."""
    connect_timeout: Annotated[Duration, within("1ms", "1m")] = 0.25
    """For one connection to the store."""

    @property
    def kind(self) -> StoreKind:
        """Which connection form the URL has."""
        return store_kind(self.url.get_secret_value())


class Secrets(Section):
    """The keys that seal personal data and bind codes: either `keys` or `keys_file`."""

    model_config = exactly_one_of("keys", "keys_file")

    keys: tuple[Key, ...] = ()
    """Keys of 32 bytes in base64, newest first: the first seals, all of them open."""
    keys_file: ReadKeysFile | None = None
    """File with one such key a line, newest first; lines that begin with # are comments."""

    @property
    def newest_first(self) -> tuple[SecretBytes, ...]:
        """The keys, wherever they were written."""
        return self.keys_file.keys if self.keys_file else self.keys


class NearCache(Section):
    """A cache of standings in each worker, kept right by the store's invalidation messages."""

    enabled: Bool = True
    """Whether there is one. Never with memory://, which is in this process anyway."""
    entries: Annotated[Int, Field(ge=1, le=10_000_000)] = 50_000
    """How many standings one worker remembers: one for each account, or for each session where rules look at these."""
    max_stale: Annotated[Duration, within("1ms", "1m")] = 2.0
    """For how long a window that was revoked can be honoured at most, if the network stops without a word."""
