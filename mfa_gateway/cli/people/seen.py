"""Seen: what a file has named before, in bounded memory however long it is.

Digests of names go into a private database of SQLite without a name, which keeps what fits in memory and the rest in a
file that nobody else can open and that is gone with the process. What stays out: what a name means.
"""

import sqlite3
from hashlib import blake2b
from typing import Final

# Two of a hundred million names have the same digest with a chance of 1 in 10^22.
_DIGEST_BYTES: Final = 16


class Seen:
    """Remembers on which line a name was first."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE seen (name BLOB PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def first(self, *name: str, line: int) -> int | None:
        """The earlier line that named the same; None where this is the first, which is remembered."""
        digest = blake2b(repr(name).encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()
        if self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (digest, line)).rowcount:
            return None
        (earlier,) = self._database.execute("SELECT line FROM seen WHERE name = ?", (digest,)).fetchone()
        return int(earlier)

    def close(self) -> None:
        """Forget everything."""
        self._database.close()
