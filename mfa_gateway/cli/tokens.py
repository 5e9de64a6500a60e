"""Tokens for development: signed where the configured key is symmetric, so that anybody with the key could have."""

import time
from typing import Annotated
from uuid import uuid4

import jwt
import typer

from mfa_gateway.cli.configuration import ConfigOption, load
from mfa_gateway.cli.terminal import fail
from mfa_gateway.settings import Settings

# OpenID Connect Core 1.0, sections 2 and 5.1.
_NUMBERS = frozenset({"auth_time", "nbf"})
_TRUTHS = frozenset({"email_verified", "phone_number_verified"})
# PyJWT claims that `--claim` must not replace by accident.
_SET_HERE = frozenset({"iss", "aud", "iat", "exp"})


def token(
    *,
    subject: Annotated[str, typer.Option(help="The subject (`sub`) of the token.")],
    config: ConfigOption,
    realm: Annotated[str, typer.Option(help="The realm, where several have a shared secret.")] = "",
    minutes: Annotated[int, typer.Option(help="How long the token is good for.", min=1)] = 60,
    claim: Annotated[list[str] | None, typer.Option(help="A further claim, as in email=ada@example.com.")] = None,
) -> None:
    """Sign a development token with a shared secret of the configuration, and print it."""
    typer.echo(signed_token(load(config), subject, realm=realm, minutes=minutes, extra=claim))


def signed_token(
    settings: Settings, subject: str, *, realm: str = "", minutes: int = 60, extra: list[str] | None = None
) -> str:
    """A token as the first issuer with a shared secret (of `realm`, where one is given) would sign it."""
    issuer = next(
        (one for one in settings.identity.bearer if one.secret_file is not None and realm in ("", one.realm)), None
    )
    if issuer is None or issuer.secret_file is None:
        fail("No issuer with a secret_file is configured for this realm: only its owner can sign tokens.")
        raise typer.Exit(1)
    now = int(time.time())
    claims: dict[str, object] = {"sid": uuid4().hex} | _claims(extra or [])
    claims |= {"iss": issuer.issuer, "aud": issuer.audience[0], "iat": now, "exp": now + minutes * 60}
    claims[issuer.subject_claim] = subject
    return jwt.encode(claims, issuer.secret_file.content.get_secret_value(), algorithm=issuer.algorithms[0])


def _typed(name: str, value: str) -> object:
    """A claim as the issuer would write it: most are texts, some are not."""
    if name in _NUMBERS and value.isascii() and value.isdigit():
        return int(value)
    return value == "true" if name in _TRUTHS and value in ("true", "false") else value


def _claims(pairs: list[str]) -> dict[str, object]:
    claims: dict[str, object] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name or name in _SET_HERE:
            fail(f"--claim takes NAME=VALUE, and not {', '.join(sorted(_SET_HERE))}: '{pair}'")
            raise typer.Exit(2)
        claims[name] = _typed(name, value)
    return claims
