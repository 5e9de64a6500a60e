"""Looking at a configuration without serving it: check, explain, schema."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mfa_gateway.cli.configuration import ConfigOption, load
from mfa_gateway.cli.terminal import fail, out
from mfa_gateway.core.call import CanonicalPath, Oddity, OddPath, canonical_host
from mfa_gateway.core.explanation import Finding, needs, rules_by_reading
from mfa_gateway.core.explanation import explain as findings_of
from mfa_gateway.core.policy import OnSuccess, Policy
from mfa_gateway.core.routing import Astray, OddTargets, Route, Routes, path_for
from mfa_gateway.core.strictest import strictest_candidates
from mfa_gateway.settings import Settings, json_schema, policy_of, routes_of
from mfa_gateway.settings.cautions import cautions


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
        ends = "" if requirement.on_success is OnSuccess.NONE else f", on success {requirement.on_success.value}"
        out.print(f"  {rule.name}: {methods} {paths}: {requirement.access.value}{shadow}{ends}", markup=False)
    for route, upstream in zip(routes_of(settings).every, settings.upstream, strict=True):
        out.print(f"  forwards {_calls(route)} to {upstream.url}", markup=False)
    if settings.trusted_proxies and not settings.upstream:
        askers = ", ".join(map(str, settings.trusted_proxies))
        out.print(f"  forwards nothing; answers the questions of proxies in {askers}", markup=False)
    for line in _scope_notes(settings):
        out.print(f"  {line}", markup=False)
    for line in cautions(settings):
        out.print(f"  Caution: {line}", style="bold yellow", markup=False)


def _calls(route: Route) -> str:
    """Which calls a route serves, and how they are changed."""
    which = f"{route.host or 'every host'}{route.prefix and ' '}{route.prefix}"
    odd = ", odd paths by their strictest reading," if route.odd_targets is OddTargets.STRICTEST else ""
    return f"{which}{' (taken off)' if route.strips_prefix else ''}{odd}"


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
    """Say which rule a call falls under, why, what its caller will need, and which upstream serves it."""
    settings = load(config)
    policy, routes = policy_of(settings), routes_of(settings)
    name = canonical_host(host.encode()) if host else ""
    if isinstance(name, Oddity):
        raise _refused(400, name.value)
    if policy.hosts and name not in policy.hosts:
        raise _refused(421, f"no rule and no upstream is for {f'host {name}' if name else 'a call without --host'}")
    target = _target(path.partition("?")[0].encode(), name, routes)
    out.print(f"{method.upper()} {target}", style="bold", markup=False)
    if isinstance(target, OddPath):
        _explain_readings(policy, method.upper(), target, host=name)
    else:
        _explain_rules(policy, method.upper(), target, host=name)
    out.print(_way(routes.direct(target, name), target, settings), markup=False)


def _refused(status: int, why: str) -> typer.Exit:
    fail(f"The gateway answers {status} before any rule is asked: {why}.")
    return typer.Exit(1)


def _target(raw: bytes, host: str, routes: Routes) -> CanonicalPath | OddPath:
    path = path_for(raw, host, routes)
    if isinstance(path, Oddity):
        raise _refused(400, path.value)
    return path


def _explain_rules(policy: Policy, method: str, path: CanonicalPath, *, host: str) -> None:
    findings = findings_of(policy, method, path, host=host)
    out.print(_table(findings))
    for finding in findings:
        if finding.applies:
            who = f"Callers of realm {', '.join(sorted(finding.realms))}" if finding.realms else "Callers"
            out.print(f"{who} need: {needs(finding.rule.requirement)}", markup=False)


def _explain_readings(policy: Policy, method: str, path: OddPath, *, host: str) -> None:
    """Every reading with its rule, and what they come to together."""
    table = Table("a server may read", "rule", "asks", box=None, pad_edge=False)
    for reading, rules in rules_by_reading(policy, method, path, host=host):
        asked = ", ".join(rule.requirement.access.value for rule in rules)
        table.add_row(escape(str(reading)), escape(", ".join(rule.name for rule in rules)), asked)
    out.print(table)
    strictest = strictest_candidates(policy, method, path, host=host)
    for realm, rule in (*sorted(strictest.by_realm.items()), ("", strictest.other)):
        who = f"Callers of realm {realm}" if realm else "Callers"
        out.print(f"The strictest counts: {rule.name}. {who} need: {needs(rule.requirement)}", markup=False)


def _way(route: Route | Astray, path: CanonicalPath | OddPath, settings: Settings) -> str:
    """Where a call goes that is let through."""
    if isinstance(route, Route):
        urls = dict(zip((one.name for one in routes_of(settings).every), settings.upstream, strict=True))
        which = f" ({route.name})" if len(urls) > 1 else ""
        return f"Goes to {urls[route.name].url}{which} as {route.target(path).decode()}"
    if not settings.upstream:
        return "Goes to the application that the gateway stands in."
    return f"Goes nowhere: {route.value}, so the gateway answers 404."


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
