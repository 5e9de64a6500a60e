"""Looking at a configuration without serving it: check, explain, schema."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mfa_gateway.cli.configuration import ConfigOption, load
from mfa_gateway.cli.terminal import fail, out
from mfa_gateway.core.call import Oddity, canonical_host, canonical_path
from mfa_gateway.core.explanation import Finding, needs
from mfa_gateway.core.explanation import explain as findings_of
from mfa_gateway.settings import Settings, json_schema, policy_of


def check(config: ConfigOption) -> None:
    """Find every problem of a configuration (exit code 2), or say what it will do."""
    settings = load(config)
    policy = policy_of(settings)
    out.print(f"[green]{escape(str(config))} is good.[/]")
    out.print(f"  listens on {settings.listen}, store {settings.store.kind}, default policy: ", end="")
    out.print(settings.access_control.default_policy, style="bold")
    for rule in policy.rules:
        requirement = rule.requirement
        shadow = " (shadow: decides and logs, refuses nothing)" if requirement.enforcement.value == "shadow" else ""
        paths = ", ".join(map(str, rule.paths))
        methods = ",".join(sorted(rule.methods)) or "every method"
        out.print(f"  {rule.name}: {methods} {paths}: {requirement.access.value}{shadow}", markup=False)
    for line in _scope_notes(settings):
        out.print(f"  {line}", markup=False)


def _scope_notes(settings: Settings) -> list[str]:
    """What the choice of a scope means, in words (design: "Scope")."""
    scopes = {rule.requirement.scope.value for rule in policy_of(settings).rules if rule.requirement.access == "mfa"}
    notes = {
        "account": "scope account: a code opens the window for every session of the account, a stolen token's too.",
        "session": "scope session: a code opens the window for the session that sent it, and for no other.",
    }
    return [notes[scope] for scope in sorted(scopes)]


def explain(
    *,
    method: Annotated[str, typer.Argument(help="The method, as in PATCH.")],
    path: Annotated[str, typer.Argument(help="The path as it would be sent, as in /customer-password/42.")],
    config: ConfigOption,
    host: Annotated[str, typer.Option(help="The Host of the call.")] = "",
) -> None:
    """Say which rule a call falls under, why, and what its caller will need."""
    policy = policy_of(load(config))
    target = canonical_path(path.partition("?")[0].encode())
    name = canonical_host(host.encode()) if host else ""
    for reading in (target, name):
        if isinstance(reading, Oddity):
            fail(f"The gateway answers 400 before any rule is asked: {reading.value}.")
            raise typer.Exit(1)
    findings = findings_of(policy, method.upper(), target, host=name)  # type: ignore[arg-type]  # no Oddity is left
    out.print(f"{method.upper()} {target}", style="bold", markup=False)
    out.print(_table(findings))
    for finding in findings:
        if finding.applies:
            who = f"Callers of realm {', '.join(sorted(finding.realms))}" if finding.realms else "Callers"
            out.print(f"{who} need: {needs(finding.rule.requirement)}", markup=False)


def _table(findings: tuple[Finding, ...]) -> Table:
    table = Table("rule", "asks", "why", box=None, pad_edge=False)
    for finding in findings:
        style = "bold green" if finding.applies else "dim"
        table.add_row(
            escape(finding.rule.name), finding.rule.requirement.access.value, escape(finding.why), style=style
        )
    return table


def schema() -> None:
    """Print the JSON Schema of the configuration."""
    typer.echo(json_schema())
