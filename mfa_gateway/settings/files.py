"""Files that a configuration names, read once while it is loaded: keys, passwords, secrets.

A relative path is meant from the folder of the configuration file. What stays out: what a secret is for, and files that
rooms read by themselves later (a key set, a certificate): those are only tried here.
"""

import binascii
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretBytes,
    ValidationInfo,
    WithJsonSchema,
)

# AES-256 and HMAC-SHA-256 take keys of this many bytes.
KEY_BYTES: Final = 32
MAKE_A_KEY: Final = "openssl rand -base64 32"
HOW_TO_MAKE_A_KEY: Final = f"make a key with `{MAKE_A_KEY}`"

# No key or password is longer; whoever names a larger file names the wrong one.
_MAX_SECRET: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a configuration comes from: the folder that its relative paths are meant from (absolute)."""

    folder: Path


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A secret and the file it was read from, without one final newline."""

    path: Path
    content: SecretBytes


@dataclass(frozen=True, slots=True)
class KeysFile:
    """Keys of 32 bytes, newest first, and the file they were read from."""

    path: Path
    keys: tuple[SecretBytes, ...]


def read_bytes(path: Path, *, limit: int = _MAX_SECRET) -> bytes:
    """The content of a small file.

    Raises:
        ValueError: it cannot be read, is empty, or is larger than `limit` bytes.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot be read: {_reason(error)} ({path})") from None
    if len(content) > limit:
        raise ValueError(f"is larger than {limit} bytes, so it is the wrong file ({path})")
    if not content.strip():
        raise ValueError(f"is empty ({path})")
    return content


def without_final_newline(content: bytes) -> bytes:
    """Take off the one newline that editors and `echo` leave."""
    return content.removesuffix(b"\n").removesuffix(b"\r") if content.endswith(b"\n") else content


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) else None
    return (text or "the path is not one").lower()


def located(path: Path, info: ValidationInfo) -> Path:
    """The absolute form of a path in the configuration. Symbolic links stay: secrets are rotated by moving them."""
    return info.context.folder / path if isinstance(info.context, Origin) else path


def _readable(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            file.read(1)
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot be read: {_reason(error)} ({path})") from None
    return path


def _path(value: object, info: ValidationInfo) -> Path:
    if not isinstance(value, (str, Path)) or not str(value):
        raise ValueError("must be the path of a file")
    return located(Path(value), info)


def _secret_file(value: object, info: ValidationInfo) -> SecretFile:
    path = _path(value, info)
    return SecretFile(path, SecretBytes(without_final_newline(read_bytes(path))))


def read_key(value: object) -> SecretBytes:
    """A key of 32 bytes from base64.

    Raises:
        ValueError: it is not one; the text tells the length at most.
    """
    if not isinstance(value, str):
        raise ValueError(f"must be text in base64: {HOW_TO_MAKE_A_KEY}")  # noqa: TRY004 - one kind of error for the reader
    try:
        key = b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"is not base64: {HOW_TO_MAKE_A_KEY}") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"holds {len(key)} bytes instead of {KEY_BYTES}: {HOW_TO_MAKE_A_KEY}")
    return SecretBytes(key)


def _keys_file(value: object, info: ValidationInfo) -> KeysFile:
    path = _path(value, info)
    if not path.exists():
        raise ValueError(f"is not there: make a key with `{MAKE_A_KEY} > {path}`")
    lines = enumerate(read_bytes(path).decode("ascii", "replace").splitlines(), 1)
    written = ((number, line.strip()) for number, line in lines)
    keys = tuple(_key_line(number, line, path) for number, line in written if line and not line.startswith("#"))
    return KeysFile(path, keys)


def _key_line(number: int, line: str, path: Path) -> SecretBytes:
    try:
        return read_key(line)
    except ValueError as error:
        raise ValueError(f"line {number} {error} ({path})") from None


_AS_PATH: Final = PlainSerializer(lambda file: str(file.path), return_type=str, when_used="json")
_PATH_SCHEMA: Final = WithJsonSchema({"type": "string", "minLength": 1})

ConfiguredPath = Annotated[Path, PlainValidator(_path), PlainSerializer(str, when_used="json"), _PATH_SCHEMA]
"""An absolute path; nothing has to be there yet."""

ReadableFile = Annotated[
    Path, PlainValidator(_path), AfterValidator(_readable), PlainSerializer(str, when_used="json"), _PATH_SCHEMA
]
"""An absolute path of a file that could be read when the configuration was loaded."""


def _as_text(file: SecretFile) -> SecretFile:
    try:
        file.content.get_secret_value().decode()
    except UnicodeDecodeError:
        raise ValueError(f"is not UTF-8 text ({file.path})") from None
    return file


# RFC 2104 section 3: keys shorter than the hash (SHA-256) weaken it.
_MIN_SIGNING_KEY: Final = 32


def _signing_key(file: SecretFile) -> SecretFile:
    if (size := len(file.content.get_secret_value())) < _MIN_SIGNING_KEY:
        raise ValueError(
            f"holds {size} bytes, and a key that signs needs at least {_MIN_SIGNING_KEY}: make one with `{MAKE_A_KEY}`"
        )
    return file


ReadSecretFile = Annotated[SecretFile, PlainValidator(_secret_file), _AS_PATH, _PATH_SCHEMA]
ReadPasswordFile = Annotated[ReadSecretFile, AfterValidator(_as_text)]
ReadSigningKeyFile = Annotated[ReadSecretFile, AfterValidator(_signing_key)]
ReadKeysFile = Annotated[KeysFile, PlainValidator(_keys_file), _AS_PATH, _PATH_SCHEMA]
Key = Annotated[
    SecretBytes,
    PlainValidator(read_key),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9+/]{43}=$"}),
    Field(description="32 bytes in base64."),
]
