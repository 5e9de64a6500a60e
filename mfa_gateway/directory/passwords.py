"""Passwords: hashing and comparing them with Argon2id, off the event loop.

A hash is kept as a PHC string, `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, which says itself what it costs to compare. So a
hash from elsewhere is read before it is believed: one of hostile parameters would cost minutes and all memory.

Whoever is not known costs what a known person costs: their password is compared with a decoy. That holds exactly for
hashes of our own cost; one that was brought along has its own until its owner has logged in once and it is made anew.

Argon2 works outside the interpreter's lock in a pool of few threads, because each takes as much memory as the cost
says; what waits beyond a most is turned away. What stays out: whose hash it is, and how often somebody may try.
"""

import asyncio
import re
import secrets
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from argon2.exceptions import HashingError, VerificationError, VerifyMismatchError
from argon2.low_level import Type, hash_secret, verify_secret

from mfa_gateway.core.fault import CredentialsUnavailable

# NIST SP 800-63B section 3.1.1.2 wants at least 64 characters to be possible. A cap keeps bodies of megabytes from
# being hashed.
MAX_PASSWORD_BYTES: Final = 1024
# RFC 9106 section 3.1: salts of 16 bytes suffice for every password; section 4: tags of 32 bytes.
_SALT_BYTES: Final = 16
_TAG_BYTES: Final = 32
# What may be brought along. RFC 9106 section 3.1 allows far more; a comparison of 1 GiB over all passes takes about a
# second. RFC 9106 section 4 recommends 64 MiB in 3 passes with 4 lanes where memory is short: 192 MiB over all.
_MAX_MEMORY_KIB: Final = 256 * 1024
_MAX_WORK_KIB: Final = 1024 * 1024
_MAX_LANES: Final = 16
_SALTS: Final = range(8, 65)
_TAGS: Final = range(16, 65)

_PHC: Final = re.compile(
    r"\$argon2id\$v=19\$m=(?P<memory>[1-9][0-9]{0,8}),t=(?P<passes>[1-9][0-9]{0,5}),p=(?P<lanes>[1-9][0-9]{0,2})"
    r"\$(?P<salt>[A-Za-z0-9+/]{1,128})\$(?P<tag>[A-Za-z0-9+/]{1,128})",
    re.ASCII,
)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class HashCost:
    """What a comparison costs: memory in KiB, passes over it, lanes side by side (RFC 9106 section 3.1)."""

    memory_kib: int
    passes: int
    lanes: int


# OWASP Password Storage Cheat Sheet: m=19456 (19 MiB), t=2, p=1. The 64 MiB of RFC 9106 section 4 would let a handful
# of logins at a time fill the memory of a sidecar.
OWN_COST: Final = HashCost(19_456, 2, 1)


class Comparison(StrEnum):
    """What came of comparing a password."""

    RIGHT = "right"
    RIGHT_BUT_OLD = "right, with a hash of another cost than ours"
    WRONG = "wrong"


def read_hash(text: object) -> HashCost:
    """The cost of a hash that was brought along.

    Raises:
        ValueError: it is no PHC string of Argon2id version 19, or its parameters are beyond what is compared here.
    """
    found = _PHC.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("is no Argon2id hash in PHC form, as in $argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA")
    cost = HashCost(int(found["memory"]), int(found["passes"]), int(found["lanes"]))
    if _size(found["salt"]) not in _SALTS or _size(found["tag"]) not in _TAGS:
        raise ValueError("holds a salt or a hash of an unusual length, or not in base64 without padding")
    if cost.memory_kib < 8 * cost.lanes or cost.lanes > _MAX_LANES:
        raise ValueError(f"needs at least 8 KiB of memory for each lane, and at most {_MAX_LANES} lanes")
    if cost.memory_kib > _MAX_MEMORY_KIB or cost.memory_kib * cost.passes > _MAX_WORK_KIB:
        raise ValueError("costs more than is compared here: at most m=262144, and m times t at most 1048576")
    return cost


def _size(text: str) -> int:
    """The bytes behind base64 without padding, or 0 where another text would stand for the same."""
    try:
        content = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except Error:
        return 0
    return len(content) if b64encode(content).rstrip(b"=").decode() == text else 0


class Passwords:
    """Hashes and compares in threads of its own. Belongs to one event loop.

    Args:
        cost: what new hashes cost.
        threads: how many are worked on at a time; each takes the memory that its cost says.
        waiting: how many may wait beside those.
    """

    def __init__(self, cost: HashCost = OWN_COST, *, threads: int = 2, waiting: int = 64) -> None:
        self._cost = cost
        self._most = threads + waiting
        self._under_way = 0
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._decoy = _decoy(cost)

    async def hash(self, password: str) -> str:
        """The PHC string of a password.

        Raises:
            ValueError: nobody can have this password: it is empty, too long, or no text that has bytes.
            CredentialsUnavailable: too many wait already.
        """
        secret = password_bytes(password)
        if secret is None:
            raise ValueError(f"must have 1 to {MAX_PASSWORD_BYTES} bytes in UTF-8")
        return await self._in_thread(lambda: _hashed(secret, self._cost))

    async def compare(self, password: str, known: str | None) -> Comparison:
        """Compare a password with a PHC string, or with a decoy where there is none. Both take the same time.

        Raises:
            CredentialsUnavailable: too many wait already.
        """
        secret = password_bytes(password)
        phc = known if known is not None and secret is not None else self._decoy
        if not await self._in_thread(lambda: _matches(secret or b"", phc)):
            return Comparison.WRONG
        return Comparison.RIGHT if read_hash(phc) == self._cost else Comparison.RIGHT_BUT_OLD

    def close(self) -> None:
        """Give up what waits. What is being worked on ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        if self._under_way >= self._most:
            raise CredentialsUnavailable("too many passwords are being compared already")
        self._under_way += 1
        working = asyncio.get_running_loop().run_in_executor(self._pool, work)
        working.add_done_callback(self._ended)
        # A caller that goes away does not end the work, so the work goes on counting.
        return await asyncio.shield(working)

    def _ended(self, working: "asyncio.Future[_T]") -> None:
        self._under_way -= 1
        if not working.cancelled():
            # Looked at, so that nobody complains when its caller has left.
            working.exception()


def password_bytes(password: str) -> bytes | None:
    """What is hashed of a password, or None for one that nobody can have: empty, too long, or without bytes."""
    try:
        secret = password.encode()
    except UnicodeEncodeError:
        return None
    return secret if 0 < len(secret) <= MAX_PASSWORD_BYTES else None


def _hashed(secret: bytes, cost: HashCost) -> str:
    try:
        return hash_secret(
            secret,
            secrets.token_bytes(_SALT_BYTES),
            time_cost=cost.passes,
            memory_cost=cost.memory_kib,
            parallelism=cost.lanes,
            hash_len=_TAG_BYTES,
            type=Type.ID,
        ).decode("ascii")
    except HashingError as error:
        raise CredentialsUnavailable(f"a password cannot be hashed now: {error}") from error


def _matches(secret: bytes, phc: str) -> bool:
    try:
        return verify_secret(phc.encode("ascii"), secret, Type.ID)
    except VerifyMismatchError:
        return False
    except VerificationError as error:
        # Most likely there is not enough memory: that says nothing about the password.
        raise CredentialsUnavailable(f"a password cannot be compared now: {error}") from error


def _decoy(cost: HashCost) -> str:
    """A hash that no password is known for."""
    salt, tag = (b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (_SALT_BYTES, _TAG_BYTES))
    return f"$argon2id$v=19$m={cost.memory_kib},t={cost.passes},p={cost.lanes}${salt}${tag}"
