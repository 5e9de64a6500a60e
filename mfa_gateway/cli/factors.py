"""accounts factors: what an operator may do to single addresses, authenticators and backup codes of an account.

An operator needs no code: who may run this may read the keys. Every change begins a new epoch, as one by the owner
does, and is an audit line on standard error. What stays out: factors given when an account is put on record (accounts).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, assert_never

import structlog
import typer
from rich.markup import escape

from mfa_gateway.app import totp_profile_of
from mfa_gateway.cli.accounts import RealmOption, SubjectOption, act, secret_of
from mfa_gateway.cli.configuration import ConfigOption, load
from mfa_gateway.cli.log import configure_log
from mfa_gateway.cli.terminal import fail, out
from mfa_gateway.core.account import LONGEST_NAME, AccountId, Factor, Inventory, masked
from mfa_gateway.core.ceremony import Action, Change
from mfa_gateway.core.otp import TotpProfile, otpauth_uri
from mfa_gateway.dialects import qr
from mfa_gateway.directory.addresses import canonical_email, canonical_phone
from mfa_gateway.engine.chance import SYSTEM
from mfa_gateway.engine.journal import Journal
from mfa_gateway.settings import Settings
from mfa_gateway.state.store import Store

cli = typer.Typer(help="Look at factors of an account, add and remove them, draw backup codes.", no_args_is_help=True)

NameOption = Annotated[str, typer.Option(help="What its owner will call it.")]


@cli.command("list")
def list_factors(subject: SubjectOption, config: ConfigOption, realm: RealmOption = "") -> None:
    """Show what the account can prove with, one by one. Addresses are masked."""
    found: list[Inventory] = []

    async def look(store: Store, account: AccountId) -> None:
        found.append(await store.inventory(account))

    account = act(config, subject, look, realm=realm)
    out.print(f"[bold]{escape(account.subject)}[/] of realm {account.realm}")
    for line in _lines(found[0]):
        out.print(f"  {line}", markup=False)


def _lines(inventory: Inventory) -> Iterator[str]:
    for one in inventory.enrolments:
        parts = [f"{one.factor.value} {one.id}", one.name, masked(one.address) if one.address else ""]
        parts += [f"added {_moment(one.added_ms)}", f"last used {_moment(one.used_ms)}"]
        yield ", ".join(part for part in parts if part)
    if inventory.backup_left is not None:
        yield f"backup codes left: {inventory.backup_left}"
    if not inventory.enrolments:
        yield "nothing"


def _moment(ms: int | None) -> str:
    return "never" if ms is None else f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


@cli.command()
def add(
    factor: Annotated[Factor, typer.Argument(help="email, sms or totp.")],
    *,
    subject: SubjectOption,
    config: ConfigOption,
    realm: RealmOption = "",
    address: Annotated[str | None, typer.Option(help="The mail address or phone number, known to be theirs.")] = None,
    name: NameOption = "",
    totp_secret: Annotated[
        str | None, typer.Option(help="An existing TOTP secret, base32; else one is drawn.", envvar="MFA_TOTP_SECRET")
    ] = None,
) -> None:
    """Add an address or an authenticator, active at once. A drawn secret is shown this once."""
    if len(name) > LONGEST_NAME or not (name.isprintable() or not name):
        raise typer.BadParameter(f"--name has at most {LONGEST_NAME} printable characters.")
    settings = load(config)
    profile = totp_profile_of(settings)
    given = _given(factor, address=address, totp_secret=totp_secret, profile=profile)
    changes: list[Change] = []

    async def attach(store: Store, account: AccountId) -> None:
        changes.append(await store.attach(account, factor, given, name=name, profile=profile))

    account = act(config, subject, attach, realm=realm)
    if changes != [Change.MADE]:
        fail(_why_not(changes[0]))
        raise typer.Exit(1)
    _audit(account, Action.ADD, factor)
    out.print(f"{factor.value} was added to {account.subject}.", markup=False)
    if isinstance(given, bytes) and totp_secret is None:
        _show_secret(settings, account, secret=given, profile=profile)


def _given(factor: Factor, *, address: str | None, totp_secret: str | None, profile: TotpProfile) -> str | bytes:
    match factor:
        case Factor.TOTP:
            return secret_of(totp_secret) if totp_secret else SYSTEM.secret(profile.algorithm.secret_bytes)
        case Factor.EMAIL | Factor.SMS:
            canonical = canonical_email(address) if factor is Factor.EMAIL else canonical_phone(address)
            if canonical is None:
                meant = "a mail address" if factor is Factor.EMAIL else "a phone number, as in +491701234567"
                raise typer.BadParameter(f"--address has to be {meant}.")
            return canonical
        case Factor.BACKUP:
            raise typer.BadParameter("backup codes are drawn: mfa-gateway accounts factors backup-codes")
        case Factor.PUSH:
            raise typer.BadParameter("a device opts in by itself: nobody else can answer for it")
        case _ as never:
            assert_never(never)


def _why_not(change: Change) -> str:
    return "The account has it already." if change is Change.KNOWN else "This factor has as many as it may have."


def _show_secret(settings: Settings, account: AccountId, *, secret: bytes, profile: TotpProfile) -> None:
    uri = otpauth_uri(secret, profile, issuer=settings.factors.totp.issuer, account=account.subject)
    out.print(qr.terminal(uri), markup=False)
    out.print(uri, markup=False)


@cli.command()
def remove(
    factor: Annotated[Factor, typer.Argument(help="email, sms, totp, backup or push.")],
    *,
    subject: SubjectOption,
    config: ConfigOption,
    realm: RealmOption = "",
    enrolment: Annotated[str, typer.Option("--id", help="Which one, by its id; else all.")] = "",
) -> None:
    """Remove one address or authenticator, or a factor with all it has, on every worker at once."""
    done: list[bool] = []

    async def detach(store: Store, account: AccountId) -> None:
        done.append(await store.detach(account, factor, enrolment))

    account = act(config, subject, detach, realm=realm)
    if done != [True]:
        fail("There is no such thing to remove.")
        raise typer.Exit(1)
    _audit(account, Action.REMOVE, factor)
    out.print(f"{factor.value} was removed from {account.subject}.", markup=False)


@cli.command("backup-codes")
def backup_codes(subject: SubjectOption, config: ConfigOption, realm: RealmOption = "") -> None:
    """Draw a new set of backup codes and show it this once. Older codes are void."""
    codes = SYSTEM.backup_codes(load(config).factors.backup.codes)
    changes: list[Change] = []

    async def hand_out(store: Store, account: AccountId) -> None:
        changes.append(await store.hand_out_backup(account, codes))

    account = act(config, subject, hand_out, realm=realm)
    if changes != [Change.MADE]:
        fail("Backup codes stand in for another factor, and this account has none.")
        raise typer.Exit(1)
    _audit(account, Action.BACKUP, Factor.BACKUP)
    out.print(f"Backup codes of {account.subject}, each good once:", markup=False)
    for code in codes:
        out.print(f"  {code}", markup=False)


def _audit(account: AccountId, action: Action, factor: Factor) -> None:
    configure_log()
    Journal(structlog.get_logger("mfa_gateway")).operated(account, action, factor)
