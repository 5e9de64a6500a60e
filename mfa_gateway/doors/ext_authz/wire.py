"""The protobuf messages of ext_authz and of gRPC health checks: bytes on one side, values of ours on the other.

Protobuf puts no names on the wire, only numbers. So the few fields that are needed are described here, with the numbers
that Envoy's and gRPC's published interfaces give them, and become message classes when this is imported: nothing is
generated, and nobody else's copy of these interfaces is needed. Every text is read as bytes, because a header may hold
anything; fields that are not described are skipped, as protobuf skips what it does not know.

What stays out: what any of it means (reading, check).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, assert_never

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

AUTHORIZATION: Final = "envoy.service.auth.v3.Authorization"
HEALTH: Final = "grpc.health.v1.Health"

# Message: field: number and type. "[]" is repeated; a map of texts is a list of pairs on the wire.
# envoy/service/auth/v3/external_auth.proto and attribute_context.proto, envoy/config/core/v3/base.proto and
# address.proto, envoy/type/v3/http_status.proto, google/rpc/status.proto, grpc/health/v1/health.proto.
_SHAPES: Final[Mapping[str, Mapping[str, tuple[int, str]]]] = {
    "HeaderValue": {"key": (1, "bytes"), "value": (2, "bytes"), "raw_value": (3, "bytes")},
    "HeaderMap": {"headers": (1, "HeaderValue[]")},
    "BoolValue": {"value": (1, "bool")},
    "HeaderValueOption": {"header": (1, "HeaderValue"), "append": (2, "BoolValue"), "append_action": (3, "int32")},
    "SocketAddress": {"address": (2, "bytes")},
    "Address": {"socket_address": (1, "SocketAddress")},
    "Peer": {"address": (1, "Address")},
    "HttpRequest": {
        "method": (2, "bytes"),
        "headers": (3, "HeaderValue[]"),
        "path": (4, "bytes"),
        "host": (5, "bytes"),
        "scheme": (6, "bytes"),
        "header_map": (13, "HeaderMap"),
    },
    "Request": {"http": (2, "HttpRequest")},
    "AttributeContext": {"source": (1, "Peer"), "request": (4, "Request")},
    "CheckRequest": {"attributes": (1, "AttributeContext")},
    "Status": {"code": (1, "int32")},
    "HttpStatus": {"code": (1, "int32")},
    "DeniedHttpResponse": {
        "status": (1, "HttpStatus"),
        "headers": (2, "HeaderValueOption[]"),
        "body": (3, "bytes"),
    },
    "OkHttpResponse": {
        "headers": (2, "HeaderValueOption[]"),
        "headers_to_remove": (5, "bytes[]"),
        "response_headers_to_add": (6, "HeaderValueOption[]"),
    },
    "CheckResponse": {
        "status": (1, "Status"),
        "denied_response": (2, "DeniedHttpResponse"),
        "ok_response": (3, "OkHttpResponse"),
    },
    "HealthCheckRequest": {"service": (1, "bytes")},
    "HealthCheckResponse": {"status": (1, "int32")},
}
_SCALARS: Final = {
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "int32": FieldDescriptorProto.TYPE_INT32,
}
_PACKAGE: Final = "mfa_gateway.ext_authz"

# google.rpc.Code: what Envoy takes for yes, and for no.
_OK: Final = 0
_PERMISSION_DENIED: Final = 7
# HeaderValueOption.HeaderAppendAction.
_ADD_IF_ABSENT: Final = 1


def _message_classes() -> Mapping[str, Any]:
    """A class for each shape, in a pool of their own: the application may have Envoy's real messages loaded."""
    file = FileDescriptorProto(name="mfa_gateway/ext_authz.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _SHAPES.items():
        message = file.message_type.add(name=name)
        for field_name, (number, kind) in fields.items():
            _describe(message.field.add(name=field_name, number=number), kind)
    pool = DescriptorPool()
    pool.Add(file)
    return {name: GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _SHAPES}


def _describe(described: Any, kind: str) -> None:
    single = kind.removesuffix("[]")
    is_list = kind != single
    described.label = FieldDescriptorProto.LABEL_REPEATED if is_list else FieldDescriptorProto.LABEL_OPTIONAL
    described.type = _SCALARS.get(single, FieldDescriptorProto.TYPE_MESSAGE)
    if single not in _SCALARS:
        described.type_name = f".{_PACKAGE}.{single}"


_CLASSES: Final = _message_classes()

Fields = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Described:
    """What Envoy says of a request.

    Attributes:
        method: as received.
        target: path and query, as received.
        host: the authority.
        scheme: "http" or "https".
        headers: all of them, Envoy's pseudo-headers included; a token and a code may be among them.
        peer: the address at the other end of Envoy's connection; "" where it has none.
        are_joined: whether Envoy made one of each name (RFC 9110 section 5.3), so that copies cannot be told apart.
    """

    method: bytes
    target: bytes
    host: bytes
    scheme: bytes
    headers: Fields = field(repr=False)
    peer: str
    are_joined: bool


@dataclass(frozen=True, slots=True)
class Granted:
    """The request goes on.

    Attributes:
        headers: what the application is told; each name replaces what the request has of it.
        removed: names that do not go on.
        answered: what the answer of the application is given besides; each name replaces what it has of it.
        offered: the same, but only where it has nothing of that name.
    """

    headers: Fields = ()
    removed: Sequence[bytes] = ()
    answered: Fields = ()
    offered: Fields = ()


@dataclass(frozen=True, slots=True)
class Denied:
    """Envoy answers in place of the application."""

    status: int
    headers: Fields = ()
    body: bytes = field(default=b"", repr=False)


class Health(IntEnum):
    """`HealthCheckResponse.ServingStatus`."""

    SERVING = 1
    NOT_SERVING = 2


def read_check(message: bytes) -> Described:
    """Read a `CheckRequest`.

    Raises:
        ValueError: it is none.
    """
    attributes = _parsed("CheckRequest", message).attributes
    http = attributes.request.http
    raw = [(one.key, one.raw_value or one.value) for one in http.header_map.headers]
    return Described(
        method=http.method,
        target=http.path,
        host=http.host,
        scheme=http.scheme,
        headers=raw or [(one.key, one.value) for one in http.headers],
        peer=attributes.source.address.socket_address.address.decode("latin-1"),
        are_joined=not raw,
    )


def _parsed(shape: str, message: bytes) -> Any:
    try:
        return _CLASSES[shape].FromString(message)
    except DecodeError as error:
        raise ValueError(f"not a {shape}") from error


def write_answer(answer: Granted | Denied) -> bytes:
    """A `CheckResponse`."""
    match answer:
        case Granted():
            return _response(_OK, ok_response=_ok(answer))
        case Denied():
            return _response(_PERMISSION_DENIED, denied_response=_denied(answer))
        case _ as never:
            assert_never(never)


def _response(code: int, **said: Any) -> bytes:
    status = _CLASSES["Status"](code=code)
    return bytes(_CLASSES["CheckResponse"](status=status, **said).SerializeToString())


def _ok(answer: Granted) -> Any:
    return _CLASSES["OkHttpResponse"](
        headers=_options(answer.headers),
        headers_to_remove=answer.removed,
        response_headers_to_add=[*_options(answer.answered), *_offers(answer.offered)],
    )


def _denied(answer: Denied) -> Any:
    status = _CLASSES["HttpStatus"](code=answer.status)
    return _CLASSES["DeniedHttpResponse"](status=status, headers=_options(answer.headers), body=answer.body)


def _options(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[Any]:
    """The first of a name replaces what is there, the others join it."""
    seen: set[bytes] = set()
    for name, value in headers:
        yield _CLASSES["HeaderValueOption"](
            header=_CLASSES["HeaderValue"](key=name, value=value),
            append=_CLASSES["BoolValue"](value=name in seen),
        )
        seen.add(name)


def _offers(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[Any]:
    for name, value in headers:
        header = _CLASSES["HeaderValue"](key=name, value=value)
        yield _CLASSES["HeaderValueOption"](header=header, append_action=_ADD_IF_ABSENT)


def read_health_request(message: bytes) -> str:
    """The service that a health check asks about; "" is all of them.

    Raises:
        ValueError: it is no such request.
    """
    return str(_parsed("HealthCheckRequest", message).service.decode("latin-1"))


def write_health(health: Health) -> bytes:
    """A `HealthCheckResponse`."""
    return bytes(_CLASSES["HealthCheckResponse"](status=health.value).SerializeToString())
