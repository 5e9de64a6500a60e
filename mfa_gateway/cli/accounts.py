"""accounts: what an operator may do to one account: put it on record, look, reset, unlock, disable, enable.

Works beside a running gateway and without one: an embedded store that nobody runs is run for the moment.
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape

from mfa_gateway.app import store_settings
from mfa_gateway.cli.configuration import ConfigOption, load
from mfa_gateway.cli.terminal import fail, out
from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.fault import Fault
from mfa_gateway.settings import Settings
from mfa_gateway.state.embedded import EmbeddedStore, join
from mfa_gateway.state.opening import open_store
from mfa_gateway.state.records import AccountFacts, AccountRecord
from mfa_gateway.state.store import Store

cli = typer.Typer(help="Put accounts on record, look at them, reset, unlock or disable them.", no_args_is_help=True)

SubjectOption = Annotated[str, typer.Option(help="The subject (`sub`) of the account.", show_default=False)]
RealmOption = Annotated[str, typer.Option(help="The realm; the only configured one where it is left out.")]

# RFC 4226 section 4, R6: a shared secret has at least 128 bits.
_LEAST_SECRET: Final = 16


@cli.command()
def add(
    *,
    subject: SubjectOption,
    config: ConfigOption,
    realm: RealmOption = "",
    email: Annotated[str | None, typer.Option(help="A mail address that is known to be theirs.")] = None,
    phone: Annotated[str | None, typer.Option(help="A phone number that is known to be theirs, as in +49...")] = None,
    locale: Annotated[str | None, typer.Option(help="The language to write in, as in de.")] = None,
    factor: Annotated[list[Factor] | None, typer.Option(help="A factor to make active at once.")] = None,
    totp_secret: Annotated[str | None, typer.Option(help="The TOTP secret, base32.", envvar="MFA_TOTP_SECRET")] = None,
) -> None:
    """Put an account on record, replacing the record it had. A factor made active begins a new epoch."""
    record = AccountRecord(email, email is not None, phone, phone is not None, locale)
    factors = dict(_factors(factor or [], email=email, phone=phone, totp_secret=totp_secret))
    account = _act(
        config, subject, lambda store, account: store.put_record(account, record, factors=factors), realm=realm
    )
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
        option, value = given[factor]
        if not value:
            raise typer.BadParameter(f"--factor {factor.value} needs {option}.")
        yield factor, _secret(value) if factor is Factor.TOTP else value


def _secret(text: str) -> bytes:
    """A TOTP secret as authenticator apps write it: base32, spaces and case free, padding left out."""
    compact = text.replace(" ", "").upper()
    try:
        secret = base64.b32decode(compact + "=" * (-len(compact) % 8))
    except binascii.Error:
        raise typer.BadParameter("--totp-secret is not base32.") from None
    if len(secret) < _LEAST_SECRET:
        raise typer.BadParameter(f"--totp-secret has {len(secret)} bytes; the least is {_LEAST_SECRET} (RFC 4226).")
    return secret


@cli.command()
def show(subject: SubjectOption, config: ConfigOption, realm: RealmOption = "") -> None:
    """Show what is known of an account. Nothing secret."""
    facts: list[AccountFacts] = []

    async def look(store: Store, account: AccountId) -> None:
        facts.append(await store.show(account))

    account = _act(config, subject, look, realm=realm)
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
    account = _act(config, subject, lambda store, account: store.reset(account), realm=realm)
    out.print(f"{account.subject} has no factors any more.", markup=False)


@cli.command()
def unlock(subject: SubjectOption, config: ConfigOption, realm: RealmOption = "") -> None:
    """End the account's bans and give it its attempts back."""
    account = _act(config, subject, lambda store, account: store.unlock(account), realm=realm)
    out.print(f"{account.subject} may try again.", markup=False)


@cli.command()
def disable(subject: SubjectOption, config: ConfigOption, realm: RealmOption = "") -> None:
    """Allow an account nothing any more, at once."""
    account = _act(config, subject, lambda store, account: store.disable(account), realm=realm)
    out.print(f"{account.subject} is disabled.", markup=False)


@cli.command()
def enable(subject: SubjectOption, config: ConfigOption, realm: RealmOption = "") -> None:
    """Allow a disabled account again what its factors allow."""
    account = _act(config, subject, lambda store, account: store.enable(account), realm=realm)
    out.print(f"{account.subject} is enabled.", markup=False)


Deed = Callable[[Store, AccountId], Awaitable[object]]


def _act(config: Path, subject: str, deed: Deed, *, realm: str) -> AccountId:
    """Do one thing to one account of the configured store."""
    settings = load(config)
    account = AccountId(_realm(settings, realm), subject)
    try:
        asyncio.run(_do(settings, account, deed))
    except Fault as fault:
        fail(str(fault))
        raise typer.Exit(1) from fault
    return account


def _realm(settings: Settings, wanted: str) -> str:
    realms = settings.identity.realms()
    if wanted in realms:
        return wanted
    if wanted or len(realms) != 1:
        raise typer.BadParameter(f"--realm has to be one of: {', '.join(sorted(realms)) or 'none is configured'}.")
    return next(iter(realms))


async def _do(settings: Settings, account: AccountId, deed: Deed) -> None:
    async with AsyncExitStack() as stack:
        store = await open_store(store_settings(settings, await _private_url(settings, stack)))
        stack.push_async_callback(store.close)
        await deed(store, account)


async def _private_url(settings: Settings, stack: AsyncExitStack) -> str | None:
    """Where the embedded store is: that of a running gateway, else one that runs until the stack is closed."""
    if settings.store.kind == "memory":
        raise typer.BadParameter("store.url: memory:// lives and dies with its gateway; there is nothing to change.")
    if settings.store.kind != "embedded":
        return None
    running = join(settings.store.data_dir)
    return running or (await stack.enter_async_context(EmbeddedStore(settings.store.data_dir))).url
