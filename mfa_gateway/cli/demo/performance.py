"""The calls of the demonstration, made by itself: what is sent, what is expected, what came."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import httpx2
from rich.markup import escape

from mfa_gateway.cli.demo.stage import Stage
from mfa_gateway.cli.terminal import out

PROTECTED: Final = ("PATCH", "/customer-password/DE--42")
TRIGGER: Final = ("POST", "/multi-factor-auth-trigger")
TRIGGER_BODY: Final = {"data": {"type": "multi-factor-auth-trigger", "attributes": {"type": "email"}}}
_MAIL_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Step:
    """One call and the answer that it has to get: a status, and the error code where there is one."""

    title: str
    call: tuple[str, str]
    expected: str
    headers: dict[str, str] = field(default_factory=dict)
    body: object = None


async def perform(stage: Stage) -> bool:
    """Make the calls one after the other; True when every answer was the expected one."""
    async with httpx2.AsyncClient(base_url=stage.url, headers={"Authorization": f"Bearer {stage.token}"}) as client:
        first = await _play(client, [*_before_the_code()])
        if not first:
            return False
        code = await stage.mailbox.code(seconds=_MAIL_SECONDS)
        out.print("[cyan]mail[/]    a code arrived at ada@example.test, by SMTP")
        return await _play(client, [*_with_the_code(code)])


def _before_the_code() -> list[Step]:
    return [
        Step("an open route asks for nothing", ("GET", "/catalog"), "200"),
        Step("a protected route without a code", PROTECTED, "403/5900"),
        Step("ask for a code", TRIGGER, "204", {"Content-Type": "application/json"}, TRIGGER_BODY),
    ]


def _with_the_code(code: str) -> list[Step]:
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    return [
        Step("the same call with the code", PROTECTED, "200", {"X-MFA-Code": code}),
        Step("again without a code, inside the window", PROTECTED, "200"),
        Step("with a wrong code, inside the window", PROTECTED, "403/5901", {"X-MFA-Code": wrong}),
    ]


async def _play(client: httpx2.AsyncClient, steps: list[Step]) -> bool:
    for step in steps:
        method, path = step.call
        response = await client.request(method, path, headers=step.headers, json=step.body)
        came = _summary(response)
        is_good = came == step.expected
        mark = "[green]good[/]" if is_good else "[red]BAD [/]"
        out.print(f"{mark}    {came:<9} {method} {path}  [dim]{escape(step.title)}[/]")
        if not is_good:
            out.print(f"        expected {step.expected}, got: {escape(response.text[:500])}")
            return False
    return True


def _summary(response: httpx2.Response) -> str:
    code = _error_code(response.text)
    return f"{response.status_code}/{code}" if code else str(response.status_code)


def _error_code(text: str) -> str:
    read: Callable[[str], object] = json.loads
    try:
        match read(text):
            case {"errors": [{"code": str(code)}, *_]}:
                return code
    except ValueError:
        pass
    return ""
