"""Bringing accounts in: `mfa-gateway accounts import`.

    file -> lines -> good in itself? not there before? -> read what is kept -> what is wanted -> keep, all or nothing

A file is read piece by piece, and the lines of a piece travel to the store together. What was brought in stays,
whatever comes after: the same file can be brought in again and changes nothing. What stays out: the form of a line
(lines) and what it means for an account (wishes).
"""

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, BinaryIO, Final, assert_never

import typer

from mfa_gateway.cli.configuration import ConfigOption, load
from mfa_gateway.cli.people.lines import MAX_LINE, AccountLine, Problems, read_line
from mfa_gateway.cli.people.seen import Seen
from mfa_gateway.cli.people.wishes import wanted_of
from mfa_gateway.cli.stores import opened_store
from mfa_gateway.cli.terminal import err, fail, out
from mfa_gateway.core.fault import Fault
from mfa_gateway.directory.passwords import Comparison, Passwords
from mfa_gateway.settings import Settings
from mfa_gateway.state.ledger import Held, Kept, Ledger, Taken

# Lines at a time: some 20 MB with their accounts, and enough to fill every batch to the store.
_PIECE: Final = 512
# Seconds. A batch that waits for a slow disk is no outage here.
PATIENCE: Final = 10.0
# How often an account is read again because somebody else changed it meanwhile.
_TRIES: Final = 5

NumberedLine = tuple[int, bytes | None]


def bring(
    file: Annotated[
        typer.FileBinaryRead, typer.Argument(help="The file, one JSON object a line; - is standard input.")
    ],
    config: ConfigOption,
) -> None:
    """Bring accounts in from a file. Good lines count even where others are bad; safe to run twice."""
    settings = load(config)
    count = Count()
    try:
        asyncio.run(_bring(settings, file, count))
    except Fault as fault:
        out.print(f"{count}.", markup=False)
        fail(f"Stopped after line {count.lines}: {fault}\nWhat was brought in stays. Bring the same file in again.")
        raise typer.Exit(1) from fault
    out.print(f"{count}.", markup=False)
    if count.bad:
        raise typer.Exit(1)


@dataclass(slots=True)
class Count:
    """What became of the lines of a file."""

    lines: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    bad: int = 0

    def __str__(self) -> str:
        good = self.new + self.changed + self.unchanged
        told = f"{good} accounts brought in: {self.new} new, {self.changed} changed, {self.unchanged} as they were"
        return f"{told}; {self.bad} {'line was' if self.bad == 1 else 'lines were'} bad" if self.bad else told

    def add(self, number: int, result: Kept | Problems) -> None:
        """Count one line, and tell what is wrong with it."""
        match result:
            case Kept.NEW:
                self.new += 1
            case Kept.CHANGED:
                self.changed += 1
            case Kept.UNCHANGED:
                self.unchanged += 1
            case Kept.STALE:
                self.add(number, ("is being changed by somebody else: bring it in again",))
            case tuple() as problems:
                self.bad += 1
                err.print(f"line {number}: {'; '.join(problems)}", markup=False)
            case _ as never:
                assert_never(never)


async def _bring(settings: Settings, file: BinaryIO, count: Count) -> None:
    passwords = Passwords(threads=os.cpu_count() or 1, waiting=_PIECE)
    seen = Seen()
    try:
        async with opened_store(settings, patience=PATIENCE) as store:
            bringer = Bringer(store.ledger, passwords, seen, settings.realms())
            lines = numbered_lines(file)
            while piece := await asyncio.to_thread(lambda: list(islice(lines, _PIECE))):
                for number, result in await bringer.bring(piece):
                    count.add(number, result)
                count.lines = piece[-1][0]
    finally:
        seen.close()
        passwords.close()


def numbered_lines(file: BinaryIO) -> Iterator[NumberedLine]:
    """The lines of a file that are not blank, from 1 on; None in place of one that is too long."""
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        is_whole = line.endswith(b"\n") or len(line) <= MAX_LINE
        while not is_whole:
            rest = file.readline(MAX_LINE)
            if not rest or rest.endswith(b"\n"):
                break
        if line.strip() or not is_whole:
            yield number, line if is_whole else None


@dataclass(slots=True)
class Bringer:
    """Brings pieces of a file in, in their order."""

    ledger: Ledger
    passwords: Passwords
    seen: Seen
    realms: frozenset[str]

    async def bring(self, piece: Sequence[NumberedLine]) -> list[tuple[int, Kept | Problems]]:
        """What became of each line.

        Raises:
            Fault: the store, or the hashing of passwords, failed for one of them.
        """
        read = [(number, self._read(number, raw)) for number, raw in piece]
        kept = await asyncio.gather(*(self._keep(line) for _, line in read))
        results: list[tuple[int, Kept | Problems]] = []
        for (number, line), result in zip(read, kept, strict=True):
            # A login id that an earlier line of the same piece gives up may have been given up too late.
            again = await self._keep(line) if isinstance(result, Taken) else result
            results.append((number, _taken_problems(line, again) if isinstance(again, Taken) else again))
        return results

    def _read(self, number: int, raw: bytes | None) -> AccountLine | Problems:
        if raw is None:
            return (f"is longer than {MAX_LINE} bytes",)
        line = read_line(raw, realms=self.realms)
        if not isinstance(line, AccountLine):
            return line
        problems = tuple(self._repetitions(line, number))
        return problems or line

    def _repetitions(self, line: AccountLine, number: int) -> Iterator[str]:
        realm, subject = line.account.realm, line.account.subject
        if earlier := self.seen.first("account", realm, subject, line=number):
            yield f"subject: the same account is on line {earlier}"
            return
        for index, login in enumerate(line.login_ids):
            if earlier := self.seen.first("login", realm, login, line=number):
                yield f"login_ids[{index}]: is on line {earlier} too"

    async def _keep(self, line: AccountLine | Problems) -> Kept | Taken | Problems:
        if not isinstance(line, AccountLine):
            return line
        for _ in range(_TRIES):
            held = await self.ledger.held(line.account)
            wanted = wanted_of(line, held, password=await self._password(line, held))
            if isinstance(wanted, tuple):
                return wanted
            result = await self.ledger.keep(held, wanted)
            if result is not Kept.STALE:
                return result
        return Kept.STALE

    async def _password(self, line: AccountLine, held: Held) -> str | None:
        """The hash to keep: the one there is, unless the line says something else than last time."""
        if line.password_hash is not None:
            return held.password if line.password_hash == held.brought else line.password_hash
        if line.password is None:
            return None if line.named & {"password", "password_hash"} else held.password
        if held.brought is not None:
            comparison = await self.passwords.compare(line.password, held.brought)
            if comparison is not Comparison.WRONG:
                return held.password
        return await self.passwords.hash(line.password)


def _taken_problems(line: AccountLine | Problems, taken: Taken) -> Problems:
    ids = line.login_ids if isinstance(line, AccountLine) else ()
    return tuple(f"login_ids[{ids.index(login)}]: belongs to another account" for login in taken.login_ids)
