"""The environment: any key of the configuration, set from outside.

`MFA_GATEWAY_` and the key in capitals, `__` between its parts: MFA_GATEWAY_STORE__URL is `store.url`, and
MFA_GATEWAY_IDENTITY__BEARER__0__ISSUER is `identity.bearer[0].issuer`. Lists and mappings are JSON or YAML. A further
`_FILE` reads the value from a file, as secrets arrive in containers; a key that ends in `_file` itself stays a key.

Plain code instead of pydantic-settings, because a variable that names no key is an error here, a problem has to name
the variable it came from, and every problem of file and environment is reported in one go.

What stays out: what a value means, and looking at the process's environment (it is handed in).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mfa_gateway.settings.document import parse_document
from mfa_gateway.settings.files import read_bytes, without_final_newline
from mfa_gateway.settings.problems import Place, Problem, closest, place_text
from mfa_gateway.settings.schema import every_place, nodes_at, types_at

PREFIX: Final = "MFA_GATEWAY_"
_FILE: Final = "_file"

# Kubernetes tells every pod of every service in its namespace, and a service named mfa-gateway is likely.
_SERVICE_LINK: Final = re.compile(
    r"(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_SERVICE_ADDRESS: Final = re.compile(r"(?:tcp|udp|sctp)://\S+")


@dataclass(frozen=True, slots=True)
class Overlay:
    """A tree with the environment laid over it.

    Attributes:
        tree: the tree.
        origins: which variable set which place.
        failed: the places that should have been set and could not be.
        problems: what was wrong with the variables.
    """

    tree: dict[str, object]
    origins: Mapping[Place, str]
    failed: frozenset[Place]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    place: Place
    text: str = field(repr=False)
    from_file: bool = False


def overlay(tree: dict[str, object], environ: Mapping[str, str], *, folder: Path) -> Overlay:
    """Lay the environment over a tree, which is changed in place. Relative paths of `_FILE` are meant from `folder`."""
    origins: dict[Place, str] = {}
    problems: list[Problem] = []
    failed: set[Place] = set()
    for variable in _variables(environ, problems):
        try:
            _apply(variable, tree, origins, folder=folder)
        except ValueError as error:
            problems.append(Problem(variable.name, str(error)))
            failed.add(variable.place)
    return Overlay(tree, origins, frozenset(failed), tuple(problems))


def _variables(environ: Mapping[str, str], problems: list[Problem]) -> list[_Variable]:
    """The variables that name a key, sections before what is in them."""
    found = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or _is_service_link(name.removeprefix(PREFIX), environ[name]):
            continue
        variable = _named(name, environ[name])
        if variable is None:
            problems.append(Problem(name, _unknown(name)))
        else:
            found.append(variable)
    return sorted(found, key=lambda variable: [(isinstance(step, str), step) for step in variable.place])


def _is_service_link(rest: str, value: str) -> bool:
    if _SERVICE_LINK.fullmatch(rest):
        return True
    return (rest == "PORT" or (rest.endswith("_PORT") and "__" not in rest)) and bool(_SERVICE_ADDRESS.fullmatch(value))


def _named(name: str, text: str) -> _Variable | None:
    place = _place(name)
    if nodes_at(place):
        return _Variable(name, place, text)
    last = place[-1]
    if isinstance(last, str) and last.endswith(_FILE):
        bare = (*place[:-1], last.removesuffix(_FILE))
        if nodes_at(bare):
            return _Variable(name, bare, text, from_file=True)
    return None


def _place(name: str) -> Place:
    parts = name.removeprefix(PREFIX).lower().split("__")
    return tuple(int(part) if re.fullmatch(r"[0-9]{1,4}", part) else part for part in parts)


def variable_name(place: Place) -> str:
    """The variable that sets a place."""
    return PREFIX + "__".join(str(step).upper() for step in place)


def _unknown(name: str) -> str:
    # Without the prefix, which would make all of them look alike.
    near = closest(name.removeprefix(PREFIX), (variable_name(place).removeprefix(PREFIX) for place in every_place()))
    hint = (
        f"did you mean {PREFIX}{near}?"
        if near
        else f"write {PREFIX} and the key, with two underscores between its parts"
    )
    return f"sets no key of the configuration: {hint}"


def _apply(variable: _Variable, tree: dict[str, object], origins: dict[Place, str], *, folder: Path) -> None:
    """Set one value. Raises `ValueError` with what is wrong."""
    if (other := origins.get(variable.place)) is not None:
        raise ValueError(f"sets {place_text(variable.place)}, and so does {other}: set one of them")
    origins[variable.place] = variable.name
    text = _file_text(folder / variable.text) if variable.from_file else variable.text
    _put(tree, variable.place, _value(text, types_at(variable.place)))


def _file_text(path: Path) -> str:
    try:
        return without_final_newline(read_bytes(path)).decode()
    except UnicodeDecodeError:
        raise ValueError(f"the file {path} is not UTF-8 text") from None
    except ValueError as error:
        raise ValueError(f"the file {error}") from None


def _value(text: str, types: frozenset[str]) -> object:
    """Read text by what may be written there: text stays as it is, everything else is YAML."""
    is_nested = bool(types & {"array", "object"}) and text.lstrip()[:1] in ("[", "{", "-")
    if "string" in types and not is_nested:
        return text
    document = parse_document(text)
    if document.problems:
        # Never the text itself, nor PyYAML's quotation of it: the value may be a secret.
        raise ValueError(f"cannot be read: write {_expected(types)}")
    return document.tree


def _expected(types: frozenset[str]) -> str:
    if "array" in types:
        return 'a list, as in ["a", "b"]'
    return 'a mapping, as in {"a": "b"}' if "object" in types else "a single value"


def _put(tree: dict[str, object], place: Place, value: object) -> None:
    *way, last = place
    current: object = tree
    for step, following in zip(way, place[1:], strict=True):
        current = _enter(current, step, {} if isinstance(following, str) else [])
    match current, last:
        case dict(), str():
            current[last] = value
        case list(), int() if last <= len(current):
            current[last : last + 1] = [value]
        case _:
            raise ValueError(f"cannot be set: {_obstacle(place)}")


def _enter(current: object, step: str | int, empty: object) -> object:
    """The value at `step`, made if it is not there; None where nothing can be."""
    match current, step:
        case dict(), str():
            if current.get(step) is None:
                current[step] = empty
            return current[step]
        case list(), int() if step < len(current):
            return current[step]
        case list(), int() if step == len(current):
            current.append(empty)
            return current[step]
        case _:
            return None


def _obstacle(place: Place) -> str:
    numbered = next((index for index, step in enumerate(place) if isinstance(step, int)), None)
    if numbered is None:
        return f"{place_text(place[:-1])} is written as something else than a mapping"
    return f"{place_text(place[:numbered])} is not a list with so many entries: they are numbered from 0 without gaps"
