"""Decoding: a tree of plain values becomes `Settings`, with everything that is wrong in it put into words.

Cross-checks need whole settings, and a person wants every problem at once. So what is wrong is noted, mended with its
default or a stand-in, and decoded again: the result (`Draft`) is whole, is used for further checks only, and knows
which of its places are not what was written.

What stays out: what must hold between keys (checks), and whether the result may be used (loading).
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mfa_gateway.settings.files import HOW_TO_MAKE_A_KEY, Origin
from mfa_gateway.settings.problems import Place, Problem, closest, listing, place_text, problem_at
from mfa_gateway.settings.root import Settings
from mfa_gateway.settings.schema import description_at, every_place, keys_at

# Mending uncovers new errors (a key that is needed, once its broken value is gone) only this many times: as deep as
# sections nest.
_MAX_MENDS: Final = 8

_STAND_IN_BEARER: Final[Mapping[str, object]] = {
    "realm": "stand-in",
    "issuer": "stand-in",
    "audience": "stand-in",
    "algorithms": ["ES256"],
}

_MAX_SHOWN: Final = 40

# What is put where a key is needed and what was written cannot be used. -1 stands for every position in a list.
_STAND_IN_SITE: Final = {"api_key": "key", "realm": "realm"}

STAND_INS: Final[Mapping[Place, object]] = {
    ("secrets",): {},
    ("access_control",): {"default_policy": "deny"},
    ("access_control", "default_policy"): "deny",
    ("access_control", "rules", -1): {"paths": ["/"]},
    ("access_control", "rules", -1, "paths"): ["/"],
    ("upstream", -1): {"url": "http://127.0.0.1"},
    ("upstream", -1, "url"): "http://127.0.0.1",
    ("identity", "bearer", -1): _STAND_IN_BEARER,
    **{("identity", "bearer", -1, key): value for key, value in _STAND_IN_BEARER.items()},
    ("dialects", "gigya", "sites", -1): _STAND_IN_SITE,
    **{("dialects", "gigya", "sites", -1, key): value for key, value in _STAND_IN_SITE.items()},
    ("dialects", "gigya", "sites", -1, "user_keys", -1): {"key": "key"},
    ("dialects", "gigya", "sites", -1, "user_keys", -1, "key"): "key",
    ("senders", "email", "smtp", "host"): "127.0.0.1",
    ("senders", "email", "smtp", "from"): "nobody@localhost",
}

# Sections that cannot be half there: one broken key and the whole section is left out of further checks.
ALL_OR_NOTHING: Final[Sequence[Place]] = (
    ("tls",),
    ("ext_authz",),
    ("identity", "introspection"),
    ("identity", "header"),
    ("senders", "email", "webhook"),
    ("senders", "sms", "webhook"),
    ("senders", "push", "webhook"),
    ("senders", "sms", "twilio"),
    ("senders", "sms", "vonage"),
)

_NEEDED: Final[Mapping[Place, str]] = {
    ("secrets",): f"must be written: `secrets: {{keys: [...]}}` or `{{keys_file: ...}}`; {HOW_TO_MAKE_A_KEY}",
    ("access_control",): "must be written, with at least `default_policy: open`, `mfa` or `deny`",
    ("access_control", "default_policy"): (
        "must be written: open, mfa or deny; it decides over every call that no rule matches, so there is no default"
    ),
}


@dataclass(frozen=True, slots=True)
class Draft:
    """Settings to check further.

    Attributes:
        settings: whole, and in `damaged` places not what was written.
        damaged: the places where defaults or stand-ins were put.
    """

    settings: Settings
    damaged: frozenset[Place] = frozenset()

    def is_whole(self, *place: str | int) -> bool:
        """Whether everything at and under a place, and what it is in, is what was written."""
        return not any(_meets(place, broken) for broken in self.damaged)


def _meets(one: Place, other: Place) -> bool:
    return all(a == b for a, b in zip(one, other, strict=False))


def decode(
    tree: Mapping[str, object], origin: Origin, *, damaged: frozenset[Place] = frozenset()
) -> tuple[Draft | None, tuple[Problem, ...]]:
    """Read a tree. The draft is None where the tree is too broken to go on checking.

    Args:
        tree: plain values.
        origin: where the tree comes from.
        damaged: places that were complained about before.
    """
    mended: dict[str, object] = deepcopy(dict(tree))
    problems: list[Problem] = []
    for _ in range(_MAX_MENDS):
        try:
            settings = Settings.model_validate(mended, context=origin)
        except ValidationError as error:
            details = _causes(error.errors(include_url=False))
            news = [detail for detail in details if not any(_meets(detail["loc"], broken) for broken in damaged)]
            problems += (_problem(detail, tree) for detail in news)
            damaged |= _mend_all(mended, [detail["loc"] for detail in details])
        else:
            return Draft(settings, damaged), tuple(problems)
    return None, tuple(problems)


def _causes(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """What is wrong, without what is only wrong because of it."""
    broken = {detail["loc"][:-1] for detail in details}
    return [
        detail
        for detail in details
        # A default that is made of other keys cannot be made while one of those is wrong.
        if detail["type"] != "default_factory_not_called"
        # A list all of whose entries are wrong counts as empty.
        and not (detail["type"] == "too_short" and detail["loc"] in broken)
    ]


def _mend_all(tree: dict[str, object], places: list[Place]) -> set[Place]:
    done: set[Place] = set()
    for place in places:
        # Mending one entry of a list may have taken the whole list, and this place with it.
        if not any(_meets(place, mended) for mended in done):
            done.add(_mend(tree, place))
    return done


def _mend(tree: dict[str, object], place: Place) -> Place:
    """Make a place usable, or the nearest one around it that can be; gives which."""
    place = next((whole for whole in ALL_OR_NOTHING if place[: len(whole)] == whole), place)
    while place:
        pattern = tuple(-1 if isinstance(step, int) else step for step in place)
        parent, key = _get(tree, place[:-1]), place[-1]
        holds_keys = isinstance(parent, (dict, list))
        if holds_keys and pattern in STAND_INS:
            parent[key] = deepcopy(STAND_INS[pattern])
            return place
        if isinstance(parent, dict) and key in parent:
            del parent[key]
            return place
        place = place[:-1]
    return place


def _get(tree: object, place: Place) -> Any:  # a tree of plain values, of whatever shape was written
    current: Any = tree
    for step in place:
        try:
            current = current[step]
        except (KeyError, IndexError, TypeError):
            return None
    return current


def _problem(detail: ErrorDetails, tree: Mapping[str, object]) -> Problem:
    place = detail["loc"]
    if detail["type"] == "missing":
        return problem_at(place, _needed(place))
    if detail["type"] == "extra_forbidden":
        return problem_at(place, _unknown_key(place))
    return problem_at(_as_written(place, tree), _told(detail))


def _as_written(place: Place, tree: object) -> Place:
    """The part of a place that was really written: `upstream` may be one text where the settings hold a list."""
    for length in range(len(place)):
        if not isinstance(_get(tree, place[:length]), (dict, list)):
            return place[:length]
    return place


def _needed(place: Place) -> str:
    purpose = description_at(place).rstrip(".")
    return _NEEDED.get(place) or (
        f"must be written: {purpose[:1].lower()}{purpose[1:]}" if purpose else "must be written"
    )


def _unknown_key(place: Place) -> str:
    *way, last = place
    known = keys_at(tuple(way))
    if near := closest(str(last), known):
        return f"is not a key; did you mean {near}?"
    if elsewhere := [other for other in every_place() if other[-1] == last]:
        return f"is not a key here; did you mean {_general(elsewhere[0])}?"
    return f"is not a key; here are {listing(known, last='and')}" if known else "is not a key"


def _general(place: Place) -> str:
    return place_text(place).replace("[0]", "[]")


# Texts for what pydantic finds; {…} are the facts that it hands along.
_TEXTS: Final[Mapping[str, str]] = {
    "bool_type": "must be true or false (yes, no, on and off are words here)",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "string_type": "must be text; put it in quotes if it looks like a number, true, false or null",
    "tuple_type": 'must be a list, as in ["a", "b"]',
    "model_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length} entry",
}


def _told(detail: ErrorDetails) -> str:
    facts = detail.get("ctx", {})
    if detail["type"] == "value_error":
        return str(facts["error"])
    if detail["type"] == "literal_error":
        return _not_one_of(detail["input"], facts["expected"])
    template = _TEXTS.get(detail["type"])
    return template.format_map(facts) if template else detail["msg"]


def _not_one_of(value: object, expected: str) -> str:
    choices = expected.replace("'", "")
    # Choices are never secrets; what is long was not meant as one of them.
    if not isinstance(value, str) or len(value) > _MAX_SHOWN:
        return f"must be {choices}"
    near = closest(value, choices.replace(" or ", ", ").split(", "))
    return f"'{value}' is not {choices}" + (f"; did you mean {near}?" if near else "")
