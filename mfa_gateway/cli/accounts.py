"""accounts: what an operator may do to one account: put it on record, look, reset, unlock, disable, enable.

Several at a time, from and to a file, are brought in and taken out elsewhere (people).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from mfa_gateway.app import totp_profile_of
from mfa_gateway.cli.configuration import ConfigOption, load
from mfa_gateway.cli.stores import opened_store
from mfa_gateway.cli.terminal import fail, out
from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.fault import Fault
from mfa_gateway.core.otp import read_secret
from mfa_gateway.core.phone import NumberFlaw
from mfa_gateway.directory.numbers import read_number
from mfa_gateway.settings import Settings
from mfa_gateway.state.records import AccountFacts, AccountRecord
from mfa_gateway.state.store import Store

cli = typer.Typer(help="Put accounts on record, look at them, reset, unlock or disable them.", no_args_is_help=True)

SubjectOption = Annotated[str, typer.Option(help="The subject (`sub`) of the account.", show_default=False)]
RealmOption = Annotated[str, typer.Option(help="The realm; the only configured one where it is left out.")]


def _one_form(written: str | None) -> str | None:
    """A number as it is pinned, counted and sent to, however it was written."""
    number = read_number(written) if written else None
    if isinstance(number, NumberFlaw):
        raise typer.BadParameter(f"{number.value}.")
    return None if number is None else number.e164


@cli.command()
def add(
    *,
    subject: SubjectOption,
    config: ConfigOption,
    realm: RealmOption = "",
    email: Annotated[str | None, typer.Option(help="A mail address that is known to be theirs.")] = None,
    phone: Annotated[
        str | None, typer.Option(help="A mobile number that is known to be theirs, as in +49...", callback=_one_form)
    ] = None,
    locale: Annotated[str | None, typer.Option(help="The language to write in, as in de.")] = None,
    factor: Annotated[list[Factor] | None, typer.Option(help="A factor to make active at once.")] = None,
    totp_secret: Annotated[str | None, typer.Option(help="The TOTP secret, base32.", envvar="MFA_TOTP_SECRET")] = None,
) -> None:
    """Put an account on record, replacing the record it had. A factor made active begins a new epoch."""
    record = AccountRecord(email, email is not None, phone, phone is not None, locale)
    factors = dict(_factors(factor or [], email=email, phone=phone, totp_secret=totp_secret))
    profile = totp_profile_of(load(config))

    async def put(store: Store, account: AccountId) -> None:
        await store.put_record(account, record, factors=factors, profile=profile)

    account = act(config, subject, put, realm=realm)
    active = f", active: {', '.join(sorted(factors))}" if factors else ""
    out.print(f"{account.subject} of realm {account.realm} is on record{active}.", markup=False)


def _factors(
    wanted: list[Factor], *, email: str | None, phone: str | None, totp_secret: str | None
) -> Iterator[tuple[Factor, str | bytes]]:
    given: dict[Factor, tuple[str, str | None]] = {
        Factor.EMAIL: ("--email", email),
        Factor.SMS: ("--phone", phone),
        Factor.TOTP: ("--totp-secret", totp_secret),
    }
    for factor in wanted:
        if factor not in given:
            raise typer.BadParameter("backup codes are drawn: mfa-gateway accounts factors backup-codes")
        option, value = given[factor]
        if not value:
            raise typer.BadParameter(f"--factor {factor.value} needs {option}.")
        yield factor, secret_of(value) if factor is Factor.TOTP else value


def secret_of(text: str) -> bytes:
    """A TOTP secret as somebody typed it.

    Raises:
        BadParameter: it is none.
    """
    try:
        return read_secret(text)
    except ValueError as error:
        raise typer.BadParameter(f"--totp-secret {error}.") from None


@cli.command()
def show(subject: SubjectOption, config: ConfigOption, realm: RealmOption = "") -> None:
    """Show what is known of an account. Nothing secret."""
    facts: list[AccountFacts] = []

    async def look(store: Store, account: AccountId) -> None:
        facts.append(await store.show(account))

    account = act(config, subject, look, realm=realm)
    out.print(f"[bold]{escape(account.subject)}[/] of realm {account.realm}")
    for line in _fact_lines(facts[0]):
        out.print(f"  {line}", markup=False)


def _fact_lines(facts: AccountFacts) -> Iterator[str]:
    yield f"on record: {'yes' if facts.has_record else 'enrolled by itself' if facts.recorded else 'no'}"
    yield f"disabled: {'yes' if facts.disabled else 'no'}"
    states = ", ".join(f"{factor.value} {state.value}" for factor, state in facts.factors.items())
    yield f"factors: {states or 'none'}"
    for budget, counted in facts.budgets.items():
        ban = f", banned for {counted.ban_left_ms / 1000:.0f} s more" if counted.ban_left_ms else ""
        yield f"wrong codes ({budget.value}): {counted.attempts}{ban}"


@cli.command()
def reset(subject: SubjectOption, config: ConfigOption, realm: RealmOption = "") -> None:
    """Remove every factor, and void all proofs and codes, on every worker at once."""
    account = act(config, subject, lambda store, account: store.reset(account), realm=realm)
    out.print(f"{account.subject} has no factors any more.", markup=False)


@cli.command()
def unlock(subject: SubjectOption, config: ConfigOption, realm: RealmOption = "") -> None:
    """End the account's bans and give it its attempts back."""
    account = act(config, subject, lambda store, account: store.unlock(account), realm=realm)
    out.print(f"{account.subject} may try again.", markup=False)


@cli.command()
def disable(subject: SubjectOption, config: ConfigOption, realm: RealmOption = "") -> None:
    """Allow an account nothing any more, at once."""
    account = act(config, subject, lambda store, account: store.disable(account), realm=realm)
    out.print(f"{account.subject} is disabled.", markup=False)


@cli.command()
def enable(subject: SubjectOption, config: ConfigOption, realm: RealmOption = "") -> None:
    """Allow a disabled account again what its factors allow."""
    account = act(config, subject, lambda store, account: store.enable(account), realm=realm)
    out.print(f"{account.subject} is enabled.", markup=False)


Deed = Callable[[Store, AccountId], Awaitable[object]]


def act(config: Path, subject: str, deed: Deed, *, realm: str) -> AccountId:
    """Do one thing to one account of the configured store."""
    settings = load(config)
    account = AccountId(realm_of(settings, realm), subject)
    try:
        asyncio.run(_do(settings, account, deed))
    except Fault as fault:
        fail(str(fault))
        raise typer.Exit(1) from fault
    return account


def realm_of(settings: Settings, wanted: str) -> str:
    """The realm that was named, or the only one there is.

    Raises:
        BadParameter: there is no such realm, or none was named where there are several.
    """
    realms = settings.realms()
    if wanted in realms:
        return wanted
    if wanted or len(realms) != 1:
        raise typer.BadParameter(f"--realm has to be one of: {', '.join(sorted(realms)) or 'none is configured'}.")
    return next(iter(realms))


async def _do(settings: Settings, account: AccountId, deed: Deed) -> None:
    async with opened_store(settings) as store:
        await deed(store, account)
