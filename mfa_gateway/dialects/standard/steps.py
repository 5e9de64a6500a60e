"""Steps: what each method means at each endpoint, and how the members of its body become a command.

What stays out: bodies that are no object of known members (bodies), and answers (codec).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from mfa_gateway.core.account import LONGEST_NAME, Factor
from mfa_gateway.core.ceremony import Action, Command, Failed, is_address
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.standard.bodies import Members, Shape, read_body, wrong
from mfa_gateway.dialects.standard.names import TYPES, read_id
from mfa_gateway.dialects.wire import Submission

FACTORS: Final = "/factors"
_FACTOR: Final = "/factors/{id}"
_CONFIRM: Final = "/factors/{id}/confirm"
_CHALLENGES: Final = "/challenges"
_VERIFY: Final = "/challenges/verify"
_GRACE: Final = "/grace"
_BACKUP_CODES: Final = "/backup-codes"

# Below these nothing is the application's.
AREAS: Final = (FACTORS, _CHALLENGES, _GRACE, _BACKUP_CODES)

_Reader = Callable[[Command, Members], Command | Failed]


def _as_it_is(command: Command, _members: Members) -> Command:
    return command


@dataclass(frozen=True, slots=True)
class Step:
    """What a method means at an endpoint: the body it takes (None: none at all), and what that says of a command."""

    action: Action
    shape: Shape | None = None
    reader: _Reader = _as_it_is

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


def _of_the_set(command: Command, _members: Members) -> Command:
    return replace(command, factor_name=Factor.BACKUP.value)


def _unknown_type() -> Failed:
    return wrong("type", f"must be one of {', '.join(TYPES)}")


def _shape(*needed: str, may: tuple[str, ...] = ()) -> Shape:
    return Shape(frozenset(needed), frozenset(may))


_SCOPES: Final[Mapping[str, Scope]] = MappingProxyType({scope.value: scope for scope in (Scope.SESSION, Scope.ACCOUNT)})

STEPS: Final[Mapping[str, Mapping[str, Step]]] = MappingProxyType(
    {
        FACTORS: {
            "GET": Step(Action.INVENTORY),
            "POST": Step(Action.ADD, _shape("type", may=("name", "address")), _added),
        },
        _FACTOR: {
            "PATCH": Step(Action.RENAME, _shape("name"), _renamed),
            "DELETE": Step(Action.REMOVE),
        },
        _CONFIRM: {"POST": Step(Action.CONFIRM, _shape("code"), _confirmed)},
        _CHALLENGES: {"POST": Step(Action.CHALLENGE, _shape(may=("factor", "type")), _challenged)},
        _VERIFY: {"POST": Step(Action.ANSWER, _shape(may=("code", "scope")), _answered)},
        _GRACE: {
            "GET": Step(Action.GRACE),
            "DELETE": Step(Action.CLOSE),
        },
        _BACKUP_CODES: {
            "POST": Step(Action.BACKUP, _shape(), _of_the_set),
            "DELETE": Step(Action.REMOVE, reader=_of_the_set),
        },
    }
)
