"""Marking: `@requires_mfa` becomes rules beside those of the configuration, checked and compiled with them.

Problems are told with the place of the decorator. What stays out: the marks themselves and where they are (doors).
"""

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, TypeVar

from pydantic import ValidationError

from mfa_gateway.core.policy import Access, Policy, Requirement
from mfa_gateway.doors.library.marks import Gate, Mark, marked
from mfa_gateway.doors.library.routes import MarkedRoute
from mfa_gateway.settings import ConfigurationError, Problem, Settings, policy_of
from mfa_gateway.settings.access import Rule
from mfa_gateway.settings.decoding import Draft
from mfa_gateway.settings.problems import place_text
from mfa_gateway.settings.rules import rule_problems

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_IN_NAME: Final = re.compile(r"[^A-Za-z0-9._ -]+")
_LONGEST_NAME: Final = 60
_PYDANTICS_OWN: Final = "Value error, "
_RULE: Final = re.compile(r"access_control\.rules\[(\d+)\]\.?")


def requires_mfa(
    *,
    grace: str | float | None = None,
    factors: Sequence[Literal["email", "sms", "totp", "backup"]] | None = None,
    require: Literal["always", "if_enrolled"] | None = None,
    scope: Literal["account", "session"] | None = None,
    realms: Sequence[str] | None = None,
    dialect: Literal["glue", "standard"] | None = None,
    enforce: bool | None = None,
    on_success: Literal["none", "close_window", "revoke"] | None = None,
    tell_grace: bool | None = None,
    on_store_error: Literal["deny", "allow"] | None = None,
    name: str | None = None,
) -> Callable[[Endpoint], Endpoint]:
    """Ask for a second factor at an endpoint: a function or an endpoint class of Starlette, or one of FastAPI.

        @app.patch("/password")
        @requires_mfa(grace="5m", factors=["totp"])
        async def change_password() -> None: ...

    It goes below the decorator of the route. The words mean what they mean in a rule of the configuration, and have the
    same defaults; `dialect` is the first one that is spoken. The endpoint does not run unless MFAMiddleware is there.

    Raises:
        ConfigurationError: a value is wrong; the text says where.
        TypeError: what is marked is no endpoint, or is marked already.
    """
    terms = {
        "grace": grace, "factors": _several(factors), "require": require, "scope": scope,
        "realms": _several(realms), "dialect": dialect,
        "enforce": enforce, "on_success": on_success, "tell_grace": tell_grace, "on_store_error": on_store_error,
        "name": name,
    }  # fmt: skip
    written = {key: value for key, value in terms.items() if value is not None}

    def mark(endpoint: Endpoint) -> Endpoint:
        made = _mark(endpoint, written)
        _rule(made, ["/"], frozenset())
        return marked(endpoint, made)

    return mark


def _several(values: Sequence[str] | None) -> tuple[str, ...] | None:
    if isinstance(values, str):
        raise TypeError(f"requires_mfa takes a list, as in [{values!r}], where {values!r} was given")
    return None if values is None else tuple(values)


def _mark(endpoint: Any, terms: Mapping[str, object]) -> Mark:
    qualified = f"{endpoint.__module__}.{getattr(endpoint, '__qualname__', type(endpoint).__qualname__)}"
    try:
        where = f" ({inspect.getsourcefile(endpoint)}:{inspect.getsourcelines(endpoint)[1]})"
    except (OSError, TypeError):
        where = ""
    name = _IN_NAME.sub("", qualified).lstrip("._ -")[-_LONGEST_NAME:].lstrip("._ -")
    return Mark(terms, name or "endpoint", f"@requires_mfa on {qualified}{where}")


def _rule(mark: Mark, paths: Sequence[str], methods: frozenset[str]) -> Rule:
    try:
        return Rule.model_validate({"name": mark.name, **mark.terms, "paths": paths, "methods": sorted(methods)})
    except ValidationError as error:
        found = error.errors(include_url=False)
        texts = (f"{place_text(one['loc'])}: {one['msg'].removeprefix(_PYDANTICS_OWN)}" for one in found)
        raise ConfigurationError(Problem(mark.place, text) for text in texts) from None


def with_marks(settings: Settings, routes: Iterable[MarkedRoute]) -> tuple[Policy, Gate]:
    """The policy of the configuration and of every mark, and the gate that knows them.

    Raises:
        ConfigurationError: with every problem that marks have, alone or with the rules of the configuration.
    """
    found = list(routes)
    problems = [Problem(route.mark.place, route.problem) for route in found if route.path is None]
    made = [(route.mark, _rule_of(route, settings)) for route in found if route.path is not None]
    made = _told_apart(made)
    control = settings.access_control
    every = (*control.rules, *(rule for _, rule in made))
    joined = settings.model_copy(update={"access_control": control.model_copy(update={"rules": every})})
    places = {len(control.rules) + number: mark.place for number, (mark, _) in enumerate(made)}
    problems += [_placed(problem, places) for problem in rule_problems(Draft(joined))]
    if problems:
        raise ConfigurationError(problems)
    policy = policy_of(joined)
    return policy, Gate(_by_mark(policy, [mark for mark, _ in made]))


def _rule_of(route: MarkedRoute, settings: Settings) -> Rule:
    rule = _rule(route.mark, [route.path or "/"], route.methods)
    dialect = "glue" if settings.dialects.glue.enabled else "standard"
    return rule if "dialect" in route.mark.terms else rule.model_copy(update={"dialect": dialect})


def _told_apart(made: Sequence[tuple[Mark, Rule]]) -> list[tuple[Mark, Rule]]:
    """The routes of one endpoint, and endpoints of one name, under names of their own."""
    seen: Counter[str] = Counter()
    apart: list[tuple[Mark, Rule]] = []
    for mark, rule in made:
        seen[rule.name] += 1
        name = rule.name if seen[rule.name] == 1 else f"{rule.name} {seen[rule.name]}"
        apart.append((mark, rule.model_copy(update={"name": name})))
    return apart


def _placed(problem: Problem, places: Mapping[int, str]) -> Problem:
    found = _RULE.match(problem.path)
    place = places.get(int(found[1])) if found else None
    if found is None or place is None:
        return problem
    key = problem.path[found.end() :]
    return replace(problem, path=place, text=f"{key}: {problem.text}" if key else problem.text)


def _by_mark(policy: Policy, marks: Sequence[Mark]) -> Mapping[Mark, Policy]:
    """The compiled rules of each mark by themselves: the last ones of the policy, in order."""
    rules = policy.rules[len(policy.rules) - len(marks) :]
    gathered: dict[Mark, list[Any]] = {}
    for mark, rule in zip(marks, rules, strict=True):
        gathered.setdefault(mark, []).append(rule)
    return {mark: Policy(own, default=Requirement(Access.DENY)) for mark, own in gathered.items()}
