"""One login: `mfa-gateway accounts login`, to see whether a password is right before anybody else has to.

The password is read from the terminal, unseen, or from standard input: arguments and environment can be read by others.
What stays out: comparing it, and wrong passwords of strangers (nothing is counted: who runs this owns the store).
"""

import asyncio
import sys
from typing import Annotated

import typer

from mfa_gateway.app import credentials_of
from mfa_gateway.cli.accounts import RealmOption, realm_of
from mfa_gateway.cli.configuration import ConfigOption, load
from mfa_gateway.cli.stores import opened_store
from mfa_gateway.cli.terminal import fail, out
from mfa_gateway.core.fault import Fault
from mfa_gateway.core.login import Known, Wrong
from mfa_gateway.settings import Settings


def login(
    login_id: Annotated[str, typer.Argument(metavar="LOGIN", help="What the person types as their name.")],
    config: ConfigOption,
    realm: RealmOption = "",
) -> None:
    """Check a login id and a password, which is asked for or read from standard input. 0: right, 1: not."""
    settings = load(config)
    named = realm_of(settings, realm)
    try:
        told, is_in = asyncio.run(_login(settings, named, login_id=login_id, password=_password()))
    except Fault as fault:
        fail(str(fault))
        raise typer.Exit(1) from fault
    if not is_in:
        fail(told)
        raise typer.Exit(1)
    out.print(told, markup=False)


def _password() -> str:
    if sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, err=True)
        return password
    # What is no UTF-8 is no password of anybody, and is refused as a wrong one.
    return sys.stdin.buffer.readline().decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix("\r")


async def _login(settings: Settings, realm: str, *, login_id: str, password: str) -> tuple[str, bool]:
    """What to tell, and whether the person would be let in."""
    async with opened_store(settings) as store:
        credentials = credentials_of(settings, store)
        try:
            found = await credentials.check(realm=realm, login=login_id, password=password)
        finally:
            await credentials.close()
        match found:
            case Wrong():
                return "Login id and password do not belong together.", False
            case Known(account=account):
                name = f"{account.subject} of realm {account.realm}"
                if (await store.show(account)).disabled:
                    return f"The password is right, and {name} is disabled.", False
                return f"This is {name}.", True
