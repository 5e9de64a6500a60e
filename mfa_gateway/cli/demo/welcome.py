"""The first screen of the demonstration: what runs where, and the four calls to try."""

import json
from typing import Final

from rich.markup import escape
from rich.panel import Panel

from mfa_gateway.cli.demo.performance import PROTECTED, TRIGGER, TRIGGER_BODY
from mfa_gateway.cli.demo.stage import ADDRESS, Stage
from mfa_gateway.cli.terminal import out

_PARTS: Final = """\
[bold]you[/] --> [bold green]mfa-gateway[/] {url} --> [bold]an API[/] http://127.0.0.1:{upstream}
            |          |
  embedded store    mail server 127.0.0.1:{smtp}

[bold]PATCH /customer-password/{{id}}[/] asks for a second factor; all else is open.
Mails to Ada appear here as they arrive.
Ctrl-C ends everything, and nothing is kept."""


def welcome(stage: Stage) -> None:
    """Print the first screen."""
    parts = _PARTS.format(url=stage.url, upstream=stage.upstream.port, smtp=stage.mailbox.port)
    title = "A second factor in front of an API that knows nothing of it"
    out.print(Panel(parts, title=title, border_style="green"), soft_wrap=False)
    _line(f"its configuration: {stage.config}")
    out.print("\nIn another terminal:\n")
    _line(f"export TOKEN={stage.token}")
    _try("1. Without a code the gateway refuses (403, 5900).", _curl(stage, PROTECTED))
    body = f"-H 'Content-Type: application/json' -d '{json.dumps(TRIGGER_BODY)}'"
    _try(f"2. Ask for a code (204); the mail to {ADDRESS} appears here.", _curl(stage, TRIGGER, body))
    _try(
        "3. The same call with the code (200): the API's own answer.",
        _curl(stage, PROTECTED, "-H 'X-MFA-Code: 123456'"),
    )
    _try("4. Again without it (200): the window is open for 30 minutes.", _curl(stage, PROTECTED))
    out.print()


def _curl(stage: Stage, call: tuple[str, str], more: str = "") -> str:
    method, path = call
    return f'curl -i -X {method} {stage.url}{path} -H "Authorization: Bearer $TOKEN" {more}'.rstrip()


def _try(what: str, command: str) -> None:
    out.print(f"\n[bold]{escape(what)}[/]")
    _line(command)


def _line(text: str) -> None:
    out.print(f"   {text}", markup=False, style="yellow")
