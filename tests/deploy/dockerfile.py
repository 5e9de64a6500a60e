"""A Dockerfile, read: its stages and their instructions. Only what ours uses: no heredocs, for one."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word, and what follows it, on one line."""

    word: str
    rest: str

    @property
    def exec_form(self) -> list[str] | None:
        """The words of the exec form, or None where it is the shell's."""
        body = self.rest[self.rest.find("[") :] if "[" in self.rest else ""
        try:
            words = json.loads(body)
        except json.JSONDecodeError:
            return None
        return words if isinstance(words, list) else None

    @property
    def flags(self) -> dict[str, str]:
        return dict(re.findall(r"--([a-z-]+)=(\S+)", self.rest))

    @property
    def operands(self) -> list[str]:
        return [word for word in self.rest.split() if not word.startswith("--")]


@dataclass
class Stage:
    """A stage: what it starts from, its name, and its instructions."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, word: str) -> list[Instruction]:
        return [one for one in self.instructions if one.word == word]

    def only(self, word: str) -> Instruction:
        (found,) = self.all(word)
        return found


def stages(path: Path) -> tuple[dict[str, str], list[Stage]]:
    """The arguments before the first stage with their defaults, and the stages."""
    arguments: dict[str, str] = {}
    found: list[Stage] = []
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(base, name))
        elif word and found:
            found[-1].instructions.append(Instruction(word, rest))
        elif word == "ARG":
            name, _, default = rest.partition("=")
            arguments[name] = default
    return arguments, found
