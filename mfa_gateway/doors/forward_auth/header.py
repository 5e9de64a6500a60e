"""Header: what the mere names of the fields of a question tell, before anybody looks at a value.

Which of them make the call that is asked about, what of that call must not go on, and what an answer hands back: all of
it follows from the names, the proxy and the configuration. The same clients send the same names in the same order, call
after call, so it is found out once for each set of names, and remembered within bounds.

What stays out: values, verdicts, and what each proxy says (one module each).
"""

from typing import Final, final

from mfa_gateway.core.account import Proof
from mfa_gateway.core.call import Call
from mfa_gateway.core.credential import CarrierAction, OtherCredentials
from mfa_gateway.dialects.wire import NO_STORE, Headers
from mfa_gateway.doors.asgi import clean_headers, proof_headers
from mfa_gateway.doors.forward_auth.question import Names, Proxy, places_of
from mfa_gateway.doors.peers import PeerHeader

HOST: Final = b"host"
CODE: Final = b"x-mfa-code"
AUTHORIZATION: Final = b"authorization"
# What belongs to the question and not to what it asks about: whose it is, how it came here, how its body is framed.
OF_THE_QUESTION: Final = frozenset(
    {HOST, b"x-forwarded-host", b"x-forwarded-proto", b"content-length", b"transfer-encoding", b"upgrade"}
)
# What our answer says of itself, whatever a proxy would like to be handed back.
_OF_THE_ANSWER: Final = frozenset(
    {b"cache-control", b"connection", b"content-length", b"date", b"transfer-encoding", CODE, b"x-request-id"}
)
# What our answer says of the proof, where there is one.
_OF_THE_PROOF: Final = frozenset({b"x-mfa-verified", b"x-mfa-method", b"x-mfa-age"})

# What strangers have us remember is bounded: at most some 8 KB for each set of names.
_MOST_SHAPES: Final = 128
_MOST_NAMES: Final = 48
_LONGEST_NAMES: Final = 1024

_Carrier = tuple[bytes, bytes, tuple[int, ...]]


@final
class Hygiene:
    """What this gateway keeps from applications, whoever proxies for them."""

    def __init__(self, others: OtherCredentials, told: PeerHeader | None) -> None:
        """`told`: the header by which listed peers say who is calling, where there is one."""
        self.told = told
        self.never_on = frozenset((told.folded,)) if told is not None else frozenset[bytes]()
        is_stripped = others.on_header is CarrierAction.STRIP
        self.never_on_protected = self.never_on | others.headers if is_stripped else self.never_on

    def foreign(self, names: Names, dropped: frozenset[bytes], *, is_listed: bool) -> frozenset[bytes]:
        """The fields of a call that must not go on; the code, which every recipe takes off, is not among them.

        `is_listed`: whether the peer may say who is calling.
        """
        fields = [(name, b"") for name in names]
        kept = self.told.kept_among(fields) if self.told is not None and is_listed else None
        goes_on = {name for name, _ in clean_headers(fields, also_drop=dropped, kept=kept)}
        return frozenset(names) - goes_on - {CODE}


@final
class Sequel:
    """What becomes of the fields of a call that is let through.

    Attributes:
        handed_on: those that must not go on, and would, whatever we answer.
    """

    __slots__ = ("_carriers", "_removed", "_removed_from_proved", "_removed_lines", "_unproved_lines", "handed_on")

    def __init__(self, asking: "Asking", names: Names, foreign: frozenset[bytes]) -> None:
        """`names` are those of the call, `foreign` those of them that must not go on."""
        proxy = asking.proxy
        self.handed_on = asking.hands_on(foreign)
        carried = asking.overwrites - foreign - _OF_THE_ANSWER
        self._carriers = _carriers(names, carried) if proxy.removal is None else ()
        # The client's copies of the words of the question were overwritten in it, so they were not seen here.
        removed = foreign | {CODE} | (proxy.words - OF_THE_QUESTION)
        self._removed = _removal(proxy, removed)
        self._removed_from_proved = _removal(proxy, removed - _OF_THE_PROOF)
        self._unproved_lines = _lines((*NO_STORE, *self._removed))
        self._removed_lines = _lines(self._removed_from_proved)

    def headers(self, call: Call, shown: Proof | None) -> Headers:
        """What the application is to be told, and what it must not be told."""
        carried = [(name, joint.join([call.headers[at][1] for at in places])) for name, joint, places in self._carriers]
        removed = self._removed if shown is None else self._removed_from_proved
        return (*NO_STORE, *proof_headers(shown), *removed, *carried)

    def lines(self, shown: Proof | None) -> bytes | None:
        """The same as lines of an answer; None where something of the call is handed back in them."""
        if self._carriers:
            return None
        if shown is None:
            return self._unproved_lines
        return _PROVED % (shown.factor.encode("ascii"), shown.age_ms // 1000, self._removed_lines)


def _removal(proxy: Proxy, names: frozenset[bytes]) -> Headers:
    """The field that names what a proxy is to take off, if it can."""
    return () if proxy.removal is None else ((proxy.removal, b",".join(sorted(names))),)


def _lines(headers: Headers) -> bytes:
    return b"".join([b"%b: %b\r\n" % pair for pair in headers])


# As `asgi.proof_headers` has it.
_PROVED: Final = _lines(NO_STORE) + b"x-mfa-verified: true\r\nx-mfa-method: %b\r\nx-mfa-age: %d\r\n%b"


def _carriers(names: Names, wanted: frozenset[bytes]) -> tuple[_Carrier, ...]:
    """Where the fields are that go on as one: RFC 6265 section 5.4 joins cookies, RFC 9110 section 5.3 the others."""
    return tuple(
        (name, b"; " if name == b"cookie" else b", ", tuple(at for at, found in enumerate(names) if found == name))
        for name in sorted(wanted & frozenset(names))
    )


@final
class Fate:
    """What must not go on of the fields of a call, by who lets it through.

    Attributes:
        stray: those that would go on, although no verdict allows it.
        opened, protected: what becomes of them on routes of either kind.
    """

    __slots__ = ("opened", "protected", "stray")

    def __init__(self, asking: "Asking", names: Names, *, is_listed: bool) -> None:
        hygiene = asking.hygiene
        foreign = hygiene.foreign(names, hygiene.never_on, is_listed=is_listed)
        self.stray = asking.hands_on(foreign)
        self.opened = Sequel(asking, names, foreign)
        guarded = hygiene.foreign(names, hygiene.never_on_protected, is_listed=is_listed)
        self.protected = Sequel(asking, names, guarded)


@final
class Shape:
    """The names of the fields of a question, and what they tell. The call has a Host of its own before all others.

    Attributes:
        places: where in the question each field is.
        kept: the places in the question of what the call is made of.
        authorization, code, request_id, forwarded_for: where in the call they are.
        is_doubled: something is there twice that must not be.
        has_body: the question may have a body.
        is_handshake: the call may open a WebSocket. Its Upgrade field is the proxy's to read, and not every proxy shows
            it.
        fate: what must not go on of the call.
    """

    __slots__ = (
        *("authorization", "code", "fate", "forwarded_for"),
        *("has_body", "is_doubled", "is_handshake", "kept", "places", "request_id"),
    )

    def __init__(self, asking: "Asking", names: Names, *, is_listed: bool) -> None:
        words = asking.proxy.words | OF_THE_QUESTION
        self.places = places_of(names)
        self.kept = tuple(at for at, name in enumerate(names) if name not in words)
        called = (HOST, *(names[at] for at in self.kept))
        self.authorization = _at(called, AUTHORIZATION)
        self.code = _at(called, CODE)
        self.request_id = _at(called, b"x-request-id")
        self.forwarded_for = tuple(at for at, name in enumerate(called) if name == b"x-forwarded-for")
        self.is_doubled = any(called.count(name) > 1 for name in (AUTHORIZATION, CODE))
        self.has_body = b"content-length" in self.places or b"transfer-encoding" in self.places
        self.is_handshake = b"sec-websocket-key" in called
        self.fate = Fate(asking, called, is_listed=is_listed)


def _at(names: Names, name: bytes) -> int:
    """Where a field is; 0, which is the place of the Host, where it is not there once."""
    return names.index(name) if names.count(name) == 1 else 0


@final
class Asking:
    """A proxy that asks, and the fields of our answer that it takes over.

    Attributes:
        proxy: which one.
        overwrites: the fields that its address names.
        hygiene: what must not go on.
    """

    def __init__(self, proxy: Proxy, overwrites: frozenset[bytes], hygiene: Hygiene) -> None:
        self.proxy = proxy
        self.overwrites = overwrites
        self.hygiene = hygiene
        self._shapes: dict[Names, Shape] = {}
        self._shapes_of_listed: dict[Names, Shape] = {}

    def hands_on(self, names: frozenset[bytes]) -> frozenset[bytes]:
        """Those of these fields that would go on whatever we answer."""
        return names - self.overwrites if self.proxy.removal is None else frozenset()

    def shape(self, names: Names, peer: str) -> Shape:
        """What the names of a question from this peer tell."""
        is_listed = self.is_listed(peer)
        known = self._shapes_of_listed if is_listed else self._shapes
        found = known.get(names)
        if found is None:
            found = Shape(self, names, is_listed=is_listed)
            if len(names) <= _MOST_NAMES and sum(map(len, names)) <= _LONGEST_NAMES:
                _make_room(known)
                known[names] = found
        return found

    def is_listed(self, peer: str) -> bool:
        """Whether this peer may say who is calling."""
        told = self.hygiene.told
        return told is not None and told.is_listed(peer)


def _make_room(shapes: dict[Names, Shape]) -> None:
    """The oldest goes first."""
    if len(shapes) >= _MOST_SHAPES:
        del shapes[next(iter(shapes))]
