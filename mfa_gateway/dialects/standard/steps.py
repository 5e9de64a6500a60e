"""Steps: what each method means at each endpoint, and how the members of its body become a command.

What stays out: bodies that are no object of known members (bodies), and answers (codec).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from mfa_gateway.core.account import LONGEST_NAME, Factor
from mfa_gateway.core.call import Oddity, canonical_host
from mfa_gateway.core.ceremony import FAILURES, Action, Command, Failed, is_address
from mfa_gateway.core.foresight import Wish
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.describing import Schema, one_of, refer, text
from mfa_gateway.dialects.standard import answers
from mfa_gateway.dialects.standard.bodies import Members, Shape, read_body, wrong
from mfa_gateway.dialects.standard.forecasts import FORECAST
from mfa_gateway.dialects.standard.names import ID, TYPES, read_id
from mfa_gateway.dialects.wire import Submission

FACTORS: Final = "/factors"
_FACTOR: Final = "/factors/{id}"
_CONFIRM: Final = "/factors/{id}/confirm"
_CHALLENGES: Final = "/challenges"
_VERIFY: Final = "/challenges/verify"
_GRACE: Final = "/grace"
_BACKUP_CODES: Final = "/backup-codes"
_PREFLIGHT: Final = "/preflight"

# Below these nothing is the application's.
AREAS: Final = (FACTORS, _CHALLENGES, _GRACE, _BACKUP_CODES, _PREFLIGHT)

_Reader = Callable[[Command, Members], Command | Failed]


def _as_it_is(command: Command, _members: Members) -> Command:
    return command


@dataclass(frozen=True, slots=True)
class Step:
    """What a method means at an endpoint.

    Attributes:
        action: what it asks for.
        summary: the same for people, in a line.
        shape: the body it takes; None: none at all.
        reader: what the members of the body say of the command.
        status: that of a success.
        schema: what a success is; None where there is nothing to tell.
    """

    action: Action
    summary: str
    shape: Shape | None = None
    reader: _Reader = _as_it_is
    status: int = 204
    schema: Schema | None = None

    @property
    def takes_code(self) -> bool:
        """Whether `X-MFA-Code` means something: whether a code can be wrong here that is no member of the body."""
        return Reason.CODE_INVALID in FAILURES[self.action] and self.action is not Action.CONFIRM

    def command(self, submission: Submission, name: str) -> Command | Failed:
        """The command of a request; `name` is the id in its path, "" where there is none."""
        base = Command(
            action=self.action,
            caller=submission.caller,
            code=submission.code or None,
            scope=Scope.SESSION,
            languages=submission.languages,
        )
        named = _named(base, name) if name else base
        if isinstance(named, Failed):
            return named
        members = self._members(submission)
        return members if isinstance(members, Failed) else self.reader(named, members)

    def _members(self, submission: Submission) -> Members | Failed:
        if self.shape is not None:
            return read_body(submission.content_type, submission.body, self.shape)
        return wrong("", "must not be there: this request takes no body") if submission.body else {}


def _named(command: Command, name: str) -> Command | Failed:
    read = read_id(name)
    if read is None:
        return Failed(Reason.FACTOR_NOT_FOUND, detail="this cannot be an id of a factor")
    factor, enrolment = read
    if command.action is Action.CONFIRM:
        return replace(command, factor_name=factor.value, ticket=enrolment)
    return replace(command, factor_name=factor.value, enrolment=enrolment)


def _added(command: Command, members: Members) -> Command | Failed:
    factor, address = TYPES.get(members["type"]), members.get("address")
    if factor is None:
        return _unknown_type()
    if address is not None and not is_address(factor, address):
        return wrong("address", "must be one that codes of this type can go to: ada@shop.example, +491701234567")
    return _renamed(replace(command, factor_name=factor.value, address=address), members)


def _renamed(command: Command, members: Members) -> Command | Failed:
    name = members.get("name", "")
    if len(name) > LONGEST_NAME or not name.isprintable():
        return wrong("name", f"must have at most {LONGEST_NAME} printable characters")
    return replace(command, name=name)


def _confirmed(command: Command, members: Members) -> Command | Failed:
    code = members["code"]
    return replace(command, code=code) if code else wrong("code", "is empty")


def _challenged(command: Command, members: Members) -> Command | Failed:
    kind = members.get("type")
    if kind is not None and kind not in TYPES:
        return _unknown_type()
    if "factor" not in members:
        return replace(command, factor_name=kind)
    read = read_id(members["factor"])
    if read is None:
        return wrong("factor", "is no id of a factor")
    factor, enrolment = read
    if kind not in (None, factor.value):
        return wrong("type", "is not that of the factor")
    return replace(command, factor_name=factor.value, enrolment=enrolment)


def _answered(command: Command, members: Members) -> Command | Failed:
    scope = members.get("scope", Scope.SESSION.value)
    if scope not in _SCOPES:
        return wrong("scope", f"must be one of {', '.join(_SCOPES)}")
    if "code" in members and command.code:
        return wrong("code", "is in X-MFA-Code as well: send it once")
    code = members.get("code") or command.code
    if not code:
        return wrong("code", "is missing, here and in X-MFA-Code")
    return replace(command, code=code, scope=_SCOPES[scope])


def _wished(command: Command, members: Members) -> Command | Failed:
    method, path, host = members["method"], members["path"], members.get("host")
    if _METHOD.fullmatch(method) is None:
        return wrong("method", "must be a method in capitals, such as GET")
    if len(path) > _LONGEST_PATH or "?" in path or "#" in path:
        return wrong("path", f"must be a path of at most {_LONGEST_PATH} characters, without a query")
    if host is None:
        return replace(command, wish=Wish(method, path))
    name = canonical_host(host.encode())
    if isinstance(name, Oddity):
        return wrong("host", "must be a host, as in shop.example")
    return replace(command, wish=Wish(method, path, name))


def _of_the_set(command: Command, _members: Members) -> Command:
    return replace(command, factor_name=Factor.BACKUP.value)


def _unknown_type() -> Failed:
    return wrong("type", f"must be one of {', '.join(TYPES)}")


def _shape(*needed: str, may: tuple[str, ...] = ()) -> Shape:
    return Shape(frozenset(needed), frozenset(may))


_SCOPES: Final[Mapping[str, Scope]] = MappingProxyType({scope.value: scope for scope in (Scope.SESSION, Scope.ACCOUNT)})

# RFC 9110 section 9.1, as the doors take them.
_METHOD: Final = re.compile(r"[A-Z][A-Z-]{0,31}", re.ASCII)
# The longest target that is taken, unless `limits.target` says otherwise.
_LONGEST_PATH: Final = 8192

# What a member holds, wherever it stands.
MEMBERS: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        "type": one_of(TYPES),
        "name": text(maxLength=LONGEST_NAME),
        "address": text(description="a mail address, or a telephone number as in +491701234567"),
        "code": text(minLength=1),
        "factor": ID,
        "scope": one_of(_SCOPES),
        "method": text(pattern=f"^{_METHOD.pattern}$"),
        "path": text(pattern="^[^?#]*$", maxLength=_LONGEST_PATH),
        "host": text(description="where another host than this one is meant"),
    }
)

STEPS: Final[Mapping[str, Mapping[str, Step]]] = MappingProxyType(
    {
        FACTORS: {
            "GET": Step(Action.INVENTORY, "The second factors that there are", status=200, schema=answers.FACTORS),
            "POST": Step(
                Action.ADD,
                "Begin one more second factor",
                _shape("type", may=("name", "address")),
                _added,
                201,
                answers.BEGUN,
            ),
        },
        _FACTOR: {
            "PATCH": Step(Action.RENAME, "Call a second factor something else", _shape("name"), _renamed),
            "DELETE": Step(Action.REMOVE, "Take a second factor away"),
        },
        _CONFIRM: {
            "POST": Step(Action.CONFIRM, "Make a second factor active by its first code", _shape("code"), _confirmed)
        },
        _CHALLENGES: {
            "POST": Step(
                Action.CHALLENGE,
                "Send a code",
                _shape(may=("factor", "type")),
                _challenged,
                200,
                answers.CHALLENGE,
            )
        },
        _VERIFY: {
            "POST": Step(
                Action.ANSWER,
                "Redeem a code and open the window",
                _shape(may=("code", "scope")),
                _answered,
                200,
                refer("Proof"),
            )
        },
        _GRACE: {
            "GET": Step(Action.GRACE, "What was proved and still counts", status=200, schema=answers.PROOFS),
            "DELETE": Step(Action.CLOSE, "Forget what was proved"),
        },
        _BACKUP_CODES: {
            "POST": Step(
                Action.BACKUP, "Draw a new set of backup codes", _shape(), _of_the_set, 201, answers.BACKUP_CODES
            ),
            "DELETE": Step(Action.REMOVE, "Take the backup codes away", reader=_of_the_set),
        },
        _PREFLIGHT: {
            "POST": Step(
                Action.PREFLIGHT,
                "What a call would meet now",
                _shape("method", "path", may=("host",)),
                _wished,
                200,
                FORECAST,
            )
        },
    }
)
