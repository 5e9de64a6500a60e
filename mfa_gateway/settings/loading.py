"""Loading: read, lay the environment over it, decode, check, and freeze. Either everything is right or nothing starts.

What stays out: each of these steps.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from mfa_gateway.settings.checks import cross_checks
from mfa_gateway.settings.decoding import decode
from mfa_gateway.settings.document import Document, read_document
from mfa_gateway.settings.environment import Overlay, overlay
from mfa_gateway.settings.files import Origin
from mfa_gateway.settings.later import not_yet
from mfa_gateway.settings.problems import ConfigurationError, Problem, place_text
from mfa_gateway.settings.root import Settings
from mfa_gateway.settings.rules import rule_problems


def load_settings(path: Path | None, *, environ: Mapping[str, str]) -> Settings:
    """Load a configuration file with the environment laid over it; without a file, the environment alone.

    Relative paths are meant from the file's folder, without a file from the current one.

    Raises:
        ConfigurationError: with every problem that there is.
    """
    if path is None:
        return _settings(Document({}), environ, Path.cwd())
    return _settings(read_document(path), environ, path.absolute().parent)


def parse_settings(tree: Mapping[str, object], *, folder: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of a configuration that is already a tree of plain values, as a program makes one.

    Relative paths are meant from `folder`.

    Raises:
        ConfigurationError: with every problem that there is.
    """
    return _settings(Document(deepcopy(dict(tree))), environ or {}, folder.absolute())


def _settings(document: Document, environ: Mapping[str, str], folder: Path) -> Settings:
    if not isinstance(document.tree, dict):
        # Nothing could be read, so everything would be missing: that would only hide what is wrong.
        raise ConfigurationError(document.problems)
    laid = overlay(document.tree, environ, folder=folder)
    draft, problems = decode(laid.tree, Origin(folder), damaged=laid.failed)
    found = [*document.problems, *laid.problems, *problems, *not_yet(laid.tree)]
    if draft is not None:
        found += (*cross_checks(draft), *rule_problems(draft))
    if found or draft is None:
        raise ConfigurationError(_in_file_order(_named(found, laid), laid.tree))
    return draft.settings


def _named(problems: list[Problem], laid: Overlay) -> Iterator[Problem]:
    """Each problem once, with the variable that its value came from."""
    variables = {place_text(place): variable for place, variable in laid.origins.items()}
    for problem in dict.fromkeys(problems):
        came_from = (name for above, name in variables.items() if _is_within(problem.path, above))
        variable = next(came_from, None)
        yield replace(problem, text=f"{problem.text} (set by {variable})") if variable else problem


def _is_within(path: str, above: str) -> bool:
    return path == above or path.startswith((f"{above}.", f"{above}["))


def _in_file_order(problems: Iterator[Problem], tree: Mapping[str, object]) -> list[Problem]:
    """What is wrong as a whole, then section by section as they are written, then what is not there."""
    order = {key: number for number, key in enumerate(tree, 1)}

    def position(problem: Problem) -> int:
        section = problem.path.partition(".")[0].partition("[")[0]
        return order.get(section, len(order) + 1 if section.islower() else 0)

    return sorted(problems, key=position)
