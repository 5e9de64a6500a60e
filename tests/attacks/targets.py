"""Targets: a grammar of the ways to write a path so that two readers take it for two paths.

Each target is a protected or an open path with up to three tricks, in any order. What stays out: who reads it, and what
has to become of it.
"""

import random
from collections.abc import Callable, Iterator

PROTECTED = ("/protected", "/protected/", "/protected/x", "/protected/a/b", "/customers/7/password")
OPEN = ("/", "/public", "/public/", "/public/x", "/customers/7", "/publicX", "/protectedX", "/other/protected")
_DOTS = ("../", "./", "%2e%2e/", ".%2E/", "%2e/", "..;/", "..%2f", "..%5c", "..\\", "%252e%252e/", ".../", "../../")
_SLASHES = ("//", "/./", "%2f", "%2F", "\\", "%5c", "/;/", "/%2e/", "%252f", "%c0%af", "/x/../", "///")
_ENDS = (
    "/", "//", "/.", "/..", ";", ";v=1", ";a=b/c", "%3b", "%00", "%0a", "%0d%0a", "%20", "%09", "%23", "%23x", "#",
    "#x",
    "?", "?/public", "?x=/../protected", "%3f", "%3f/public", "%", "%z", "%2", ".", "..", "~", "%7f", "%ff",
    "%e2%80%8b",
    ".json", ",", "&", "=", "*", "%2a", "\\", "%5c", "|", "%c0%80",
)  # fmt: skip
_WIDE = str.maketrans({letter: chr(ord(letter) + 0xFEE0) for letter in "abcdefghijklmnopqrstuvwxyz"})
_RAW = ("\x80", "\xff", "<", '"', "^", "`", "{", "}", "|", "\\")
_AUTHORITIES = ("http://gw.test", "HTTP://gw.test", "https://u@h:9", "//gw.test", "http:", "@", "")

Trick = Callable[[random.Random, str], str]


def encoded(chance: random.Random, path: str) -> str:
    """Some characters percent-encoded, slashes not among them, in either case."""
    share = chance.choice((0.08, 0.2, 0.5, 1.0))
    return "".join(_escaped(chance, one) if one not in "/%" and chance.random() < share else one for one in path)


def _escaped(chance: random.Random, one: str) -> str:
    return "".join(f"%{byte:02{chance.choice('xX')}}" for byte in one.encode("utf-8"))


def twice(chance: random.Random, path: str) -> str:
    """Percent-encoded again."""
    return encoded(chance, path).replace("%", "%25", chance.choice((1, -1)))


def way_round(chance: random.Random, path: str) -> str:
    """By way of another path."""
    return chance.choice(("/public/", "/x/", "/public/x/../", "/")) + chance.choice(_DOTS) + path.removeprefix("/")


def dotted(chance: random.Random, path: str) -> str:
    """Dots before some segment."""
    return _at_a_slash(chance, path, "/" + chance.choice(_DOTS))


def slashed(chance: random.Random, path: str) -> str:
    """Another separator in the place of a slash."""
    return _at_a_slash(chance, path, chance.choice(_SLASHES))


def _at_a_slash(chance: random.Random, path: str, put: str) -> str:
    places = [place for place, one in enumerate(path) if one == "/"]
    if not places:
        return path + put
    place = chance.choice(places)
    return path[:place] + put + path[place + 1 :]


def ended(chance: random.Random, path: str) -> str:
    """Something behind it."""
    return path + chance.choice(_ENDS)


def ended_within(chance: random.Random, path: str) -> str:
    """Something behind one of its segments, which may end the path for some."""
    head, slash, rest = path[1:].partition("/")
    return f"/{head}{chance.choice(_ENDS)}{slash}{rest}"


def cased(chance: random.Random, path: str) -> str:
    """Other capitals."""
    plain = path.encode("latin-1")
    return chance.choice((plain.upper(), plain.title(), plain.swapcase())).decode("latin-1")


def widened(chance: random.Random, path: str) -> str:
    """Letters that look alike, or that some fold to ours."""
    wide = path.translate(_WIDE) if chance.random() < 0.5 else path.replace("s", "\u017f", 1)
    return encoded(chance, "".join(_escaped(chance, one) if ord(one) > 127 else one for one in wide))


def raw(chance: random.Random, path: str) -> str:
    """A byte that has to be encoded, and is not."""
    place = chance.randrange(len(path) + 1)
    return path[:place] + chance.choice(_RAW) + path[place:]


def absolute(chance: random.Random, path: str) -> str:
    """The absolute form, or what some take for it."""
    return chance.choice(_AUTHORITIES) + path


def asked(chance: random.Random, path: str) -> str:
    """A query, which is no path."""
    number = f"page={chance.randrange(10_000)}"
    return f"{path}?{chance.choice((number, number, '', '/protected', 'x=/../protected', 'a;b', '%2e%2e', '?'))}"


TRICKS: tuple[Trick, ...] = (
    encoded, encoded, encoded, encoded, asked, asked, twice, way_round, dotted, slashed, ended, ended_within, cased,
    widened, raw, absolute,
)  # fmt: skip


def target(chance: random.Random) -> str:
    """One target."""
    written = chance.choice(PROTECTED if chance.random() < 0.9 else OPEN)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3))):
        written = chance.choice(TRICKS)(chance, written)
    return written


def targets(chance: random.Random, number: int) -> Iterator[str]:
    """So many different targets that a request line can hold."""
    given: set[str] = set()
    while len(given) < number:
        made = target(chance)
        if made not in given and made:
            given.add(made)
            yield made
