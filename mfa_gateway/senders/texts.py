"""Texts: what a message says, in the language of its reader.

The words are package data (texts/<language>.toml): a new language is one more file. The subject never holds the code,
since mail programs show subjects on locked screens. What stays out: how a message travels.
"""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

from mfa_gateway.core.message import CodeMessage
from mfa_gateway.core.proof import Purpose

DEFAULT_LANGUAGE: Final = "en"

_MINUTE: Final = 60
_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Text:
    """A message in words: a language tag, a subject of one line, and plain text whose last line is ended."""

    language: str
    subject: str
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Wording:
    """The templates of one language: subject and body by purpose, and the units of time for one and for more."""

    subjects: Mapping[Purpose, str]
    bodies: Mapping[Purpose, str]
    units: Mapping[str, tuple[str, str]]


class Texts:
    """The texts of all languages there are, speaking for one service.

    Raises:
        ValueError: the name of the service is empty, or holds a character that has no place in a subject.
    """

    def __init__(self, service: str) -> None:
        if not service.strip() or not service.isprintable():
            raise ValueError("the name of the service must be one line of text, as in Example Shop")
        self._service = service.strip()
        self._wordings = _load_wordings()

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages there are, in alphabetical order."""
        return tuple(sorted(self._wordings))

    def render(self, message: CodeMessage) -> Text:
        """Put a message into words."""
        language = choose_language(message.languages, self._wordings)
        wording = self._wordings[language]
        words = {"service": self._service, "code": message.code, "life": _humanised(message.life_ms, wording.units)}
        return Text(
            language,
            subject=wording.subjects[message.purpose].format_map(words),
            body=wording.bodies[message.purpose].format_map(words),
        )


def choose_language(preferred: tuple[str, ...], available: Collection[str]) -> str:
    """The first preferred language that there is, regions and scripts left off one by one (RFC 4647 section 3.4)."""
    for tag in preferred:
        candidate = tag.lower()
        while candidate:
            if candidate in available:
                return candidate
            candidate = candidate.rpartition("-")[0]
    return DEFAULT_LANGUAGE


def _humanised(life_ms: int, units: Mapping[str, tuple[str, str]]) -> str:
    """A life in the unit that people would use, never longer than it is."""
    seconds = max(life_ms // 1000, 1)
    if seconds % _HOUR == 0:
        return _counted(seconds // _HOUR, units["hour"])
    if seconds % _MINUTE == 0 or seconds > 2 * _MINUTE:
        return _counted(seconds // _MINUTE, units["minute"])
    return _counted(seconds, units["second"])


def _counted(count: int, forms: tuple[str, str]) -> str:
    one, more = forms
    return (one if count == 1 else more).format(count=count)


def _load_wordings() -> dict[str, _Wording]:
    folder = files("mfa_gateway.senders").joinpath("texts")
    return {
        file.name.removesuffix(".toml"): _wording(tomllib.loads(file.read_text(encoding="utf-8")))
        for file in folder.iterdir()
        if file.name.endswith(".toml")
    }


def _wording(content: Mapping[str, Any]) -> _Wording:
    return _Wording(
        subjects={purpose: content[purpose.value]["subject"] for purpose in Purpose},
        bodies={purpose: content[purpose.value]["body"] for purpose in Purpose},
        units={name: (one, more) for name, (one, more) in content["units"].items()},
    )
