"""A population: many accounts in a store, each with a record and an authenticator, and with an open window if wished.

Written as `mfa-gateway accounts add` would have written them, but many in one trip: a test compares. Who they are and
what their authenticators show follows from their numbers.
"""

import hashlib
import hmac
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

import jwt
import redis

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.proof import Scope
from mfa_gateway.state.enrolments import kept, sealed
from mfa_gateway.state.foundation import Names
from mfa_gateway.state.records import AccountRecord, sealed_record
from mfa_gateway.state.vault import Vault

REALM: Final = "shop"
ISSUER: Final = "https://idp.test"
AUDIENCE: Final = "api"
# RFC 6238: the step of every authenticator here, in seconds.
STEP: Final = 30
# Accounts in one trip.
_PIECE: Final = 1_000
_WINDOW_MS: Final = 24 * 3600 * 1000


def subject_of(number: int) -> str:
    """Who has this number."""
    return f"bench-{number}"


def secret_of(number: int) -> bytes:
    """The secret of somebody's authenticator."""
    return hashlib.sha1(b"bench %d" % number).digest()


def code_of(number: int, moment: float) -> str:
    """What somebody's authenticator shows (RFC 4226 section 5.3, with the step of RFC 6238)."""
    digest = hmac.digest(secret_of(number), int(moment // STEP).to_bytes(8), "sha1")
    at = digest[-1] & 0x0F
    return f"{(int.from_bytes(digest[at : at + 4]) & 0x7FFF_FFFF) % 1_000_000:06}"


def token_of(subject: str, secret: str) -> str:
    """A token that the gateway of a benchmark takes, for a day."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 86_400, "sid": subject}
    return jwt.encode(claims, secret, "HS256")


def populate(
    client: "redis.Redis", names: Names, vault: Vault, numbers: Sequence[int], *, has_windows: bool = True
) -> None:
    """Put everybody with these numbers on record. `client` is only used for trips."""
    now_ms = int(time.time() * 1000)
    left: Iterator[int] = iter(numbers)
    while piece := list(islice(left, _PIECE)):
        trip = client.pipeline(transaction=False)
        for number in piece:
            _put(trip, names, vault, number, now_ms=now_ms, has_window=has_windows)
        trip.execute()


def _put(
    trip: "redis.client.Pipeline", names: Names, vault: Vault, number: int, *, now_ms: int, has_window: bool
) -> None:
    account = AccountId(REALM, subject_of(number))
    keys = names.keys.of(account)
    one = kept(names.digests, keys.tag, Factor.TOTP, value=secret_of(number))
    trip.hset(
        keys.account,
        mapping={
            "epoch": 1,
            "recorded": "1",
            "record": sealed_record(vault, account, AccountRecord(), tag=keys.tag),
            "totp": "active",
            "totp:sealed": f"{one.id}:{sealed(vault, one, tag=keys.tag, factor=Factor.TOTP)}",
            f"totp:added:{one.id}": now_ms,
        },
    )
    if has_window:
        proofs = keys.proofs(Scope.ACCOUNT, "")
        fingerprint = names.digests.fingerprint(keys.tag, Factor.TOTP, "000000")
        trip.hset(proofs, "totp", f"{now_ms}:1:{fingerprint}:{names.digests.token(keys.tag, '')}")
        trip.pexpire(proofs, _WINDOW_MS)
