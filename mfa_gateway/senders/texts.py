"""Texts: what a message says, in the language of its reader.

The words are package data (texts/<language>.toml): a new language is one more file. The subject never holds the code,
since mail programs show subjects on locked screens. A short message begins with its code and fits one segment (gsm),
if the name of the service is not much longer than the rest. A push holds no code at all: its device has it, apart from
the words. What stays out: how a message travels.
"""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

from mfa_gateway.core.account import Factor
from mfa_gateway.core.message import CodeMessage, Happening, NoticeMessage
from mfa_gateway.core.proof import Purpose

DEFAULT_LANGUAGE: Final = "en"

_MINUTE: Final = 60
_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Text:
    """A message in words: a language tag, a subject of one line, and plain text.

    The last line of a mail is ended. A short message has no subject and no end of line, a push a title and no end.
    """

    language: str
    subject: str
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Wording:
    """The templates of one language: by purpose, units of time for one and for more, notices, names of factors.

    `pushes`: a title and a body.
    """

    subjects: Mapping[Purpose, str]
    bodies: Mapping[Purpose, str]
    short: Mapping[Purpose, str]
    pushes: Mapping[Purpose, tuple[str, str]]
    units: Mapping[str, tuple[str, str]]
    notices: Mapping[Happening, tuple[str, str]]
    factors: Mapping[Factor, str]


class Texts:
    """The texts of all languages there are, speaking for one service.

    Args:
        service: its name.
        typed_at: the host whose page a short message's code is for. Browsers then offer it there and on no other page
            (origin-bound one-time codes, a draft of the W3C's Web Incubator Group).

    Raises:
        ValueError: the name of the service is empty, or holds a character that has no place in a subject.
    """

    def __init__(self, service: str, *, typed_at: str | None = None) -> None:
        if not service.strip() or not service.isprintable():
            raise ValueError("the name of the service must be one line of text, as in Example Shop")
        self._service = service.strip()
        self._typed_at = typed_at
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
        if message.factor is Factor.SMS:
            return Text(language, "", self._short(wording.short[message.purpose].format_map(words), message.code))
        if message.factor is Factor.PUSH:
            title, body = wording.pushes[message.purpose]
            return Text(language, subject=title.format_map(words), body=body.format_map(words))
        return Text(
            language,
            subject=wording.subjects[message.purpose].format_map(words),
            body=wording.bodies[message.purpose].format_map(words),
        )

    def notice(self, notice: NoticeMessage) -> Text:
        """Put a notice into words."""
        language = choose_language(notice.languages, self._wordings)
        wording = self._wordings[language]
        words = {"service": self._service, "factor": wording.factors[notice.factor]}
        subject, body = wording.notices[notice.happening]
        return Text(language, subject=subject.format_map(words), body=body.format_map(words))

    def _short(self, body: str, code: str) -> str:
        """The draft's last line: the host after an @, the code after a #."""
        return f"{body}\n\n@{self._typed_at} #{code}" if self._typed_at else body


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
    told = content["notice"]
    return _Wording(
        subjects={purpose: content[purpose.value]["subject"] for purpose in Purpose},
        bodies={purpose: content[purpose.value]["body"] for purpose in Purpose},
        short={purpose: content["sms"][purpose.value] for purpose in Purpose},
        pushes={Purpose(name): (words["title"], words["body"]) for name, words in content["push"].items()},
        units={name: (one, more) for name, (one, more) in content["units"].items()},
        notices={
            what: (content["notice"][what.value]["subject"], content["notice"][what.value]["body"])
            for what in Happening
        },
        factors={factor: told["factors"][factor.value] for factor in Factor},
    )
