"""Wishes: what a line makes of an account that is there, or is new.

Pure: what is kept and a line in, what is wanted out. Bringing the same file in again changes nothing, and never undoes
what an owner did meanwhile with a factor of their own: a factor that is active stays as it is. To replace one, reset
the account first. What stays out: hashing passwords, the store.
"""

from collections.abc import Iterator
from typing import assert_never

from mfa_gateway.cli.people.lines import AccountLine, Problems
from mfa_gateway.core.account import Factor
from mfa_gateway.state.ledger import Held, Vouched, Wanted
from mfa_gateway.state.records import AccountRecord


def wanted_of(line: AccountLine, held: Held, *, password: str | None) -> Wanted | Problems:
    """What an account should be, or why a line does not fit what is there. `password` is the hash to keep."""
    record = _record(line, held.record)
    missing = [factor for factor in line.vouched if not held.is_active(factor)]
    if problems := tuple(_factor_problems(line, record, missing)):
        return problems
    return Wanted(
        record=record,
        login_ids=line.login_ids if "login_ids" in line.named else held.login_ids,
        password=password,
        profile=line.profile if "profile" in line.named else held.profile,
        disabled=line.disabled if "disabled" in line.named else held.disabled,
        vouched={factor: _proven_by(factor, line, record) for factor in missing},
        removed=line.removed,
    )


def _record(line: AccountLine, held: AccountRecord) -> AccountRecord:
    named = line.named
    email = line.email if "email" in named else held.email
    phone = line.phone if "phone" in named else held.phone
    return AccountRecord(
        email=email,
        # Another address is not verified because the one before it was.
        email_verified=line.email_verified
        if "email_verified" in named
        else held.email_verified and email == held.email,
        phone=phone,
        phone_verified=line.phone_verified
        if "phone_verified" in named
        else held.phone_verified and phone == held.phone,
        locale=line.locale if "locale" in named else held.locale,
    )


def _factor_problems(line: AccountLine, record: AccountRecord, missing: list[Factor]) -> Iterator[str]:
    for factor in missing:
        match factor:
            case Factor.EMAIL if record.email is None:
                yield "factors: email is to be active, and there is no email"
            case Factor.SMS if record.phone is None:
                yield "factors: sms is to be active, and there is no phone"
            case Factor.TOTP if line.vouched[factor] is None:
                yield "factors: totp is to be active, and there is no secret"
            case _:
                pass


def _proven_by(factor: Factor, line: AccountLine, record: AccountRecord) -> Vouched:
    """The address or the secret of a factor; that there is one was seen before."""
    match factor:
        case Factor.EMAIL:
            return Vouched(record.email or "")
        case Factor.SMS:
            return Vouched(record.phone or "")
        case Factor.TOTP:
            return line.vouched[factor] or Vouched(b"")
        case Factor.BACKUP:
            raise ValueError("backup codes are not brought in")
        case Factor.PUSH:
            raise ValueError("a device is not brought in: it opts in by itself")
        case _ as never:
            assert_never(never)
