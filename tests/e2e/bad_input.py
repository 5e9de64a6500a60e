"""The table of bad input: what is sent, what comes back, what the log says, and what reaches the API.

What stays out: sending it, and rows that need another world than a gateway that is well.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from tests.e2e.faults import TARGETS
from tests.e2e.wire import request

CHUNKED = "Transfer-Encoding: chunked"
JSON = "Content-Type: application/vnd.api+json"
TRIGGER = "/multi-factor-auth-trigger"


class Form(Enum):
    """Who speaks in a body."""

    PLAIN = "a problem document of the server or the forwarder"
    STANDARD = "a problem document with a type of ours"
    GLUE = "a JSON:API error"


@dataclass(frozen=True)
class Row:
    """`<name>` in `sends` stands for a secret of that name. `reaches`: the whole requests that the API sees."""

    name: str
    sends: bytes
    status: int
    form: Form
    code: str = ""
    ends: bool = False
    says: str = ""
    reaches: tuple[str, ...] = ()


def ambiguous(name: str, sends: bytes, *, form: Form = Form.PLAIN) -> Row:
    """400 and the end of the connection."""
    code, says = ("", "refused unread") if form is Form.PLAIN else ("ambiguous_request", "unreadable")
    return Row(name, sends, 400, form, code, ends=True, says=says)


def _targets() -> Iterator[Row]:
    unread = {"absolute form": "http://gw.test/open", "fragment": "/open#", "asterisk": "*", "high byte": "/open\x80"}
    odd = {
        "dot segment": "/open/../glue",
        "one dot": "/open/./glue",
        "encoded dots": "/open/%2e%2e/glue",
        "encoded slash": "/open%2fglue",
        "encoded backslash": "/open%5cglue",
        "backslash": "/open\\glue",
        "double slash": "//glue",
        "parameters": "/glue;v=1",
        "encoded parameters": "/glue%3bv=1",
        "NUL": "/glue%00",
        "line feed": "/glue%0a",
        "delete": "/glue%7f",
        "percent garbage": "/glue%zz",
        "half an escape": "/glue%2",
        "encoded twice": "/%2567lue",
        "overlong": "/%c0%afglue",
    }
    for name, target in unread.items():
        yield ambiguous(f"target/{name}", request(target, "<bearer>"))
    for name, target in odd.items():
        yield ambiguous(f"target/{name}", request(target, "<bearer>"), form=Form.STANDARD)
    yield ambiguous("target/control byte", b"GET /gl\x01ue HTTP/1.1\r\nHost: gw.test\r\n\r\n")


def _duplicates() -> Iterator[Row]:
    yield ambiguous("twice/authorization", request("/glue", "<bearer>", "<bearer>"), form=Form.STANDARD)
    yield ambiguous("twice/code", request("/glue", "<bearer>", "<code>", "X-MFA-Code: 1"), form=Form.STANDARD)
    yield ambiguous("twice/code on an open route", request("/open", "<code>", "<code>"), form=Form.STANDARD)
    yield ambiguous("twice/host", request("/open", "Host: other.test"))
    yield ambiguous("twice/length", request("/open", "Content-Length: 4", "Content-Length: 4", method="PUT") + b"body")
    yield ambiguous("twice/coding", request("/open", CHUNKED, CHUNKED, method="PUT") + b"0\r\n\r\n")
    both = request("/open", "Content-Length: 5", CHUNKED, method="PUT") + b"0\r\n\r\n"
    yield ambiguous("twice/length and coding", both)
    upgrade = ("Connection: Upgrade", "Upgrade: websocket")
    yield ambiguous("upgrade with a length", request("/open", *upgrade, "Content-Length: 4") + b"body")
    yield ambiguous("upgrade with chunks", request("/open", *upgrade, CHUNKED) + b"0\r\n\r\n")


def _sizes() -> Iterator[Row]:
    def too_large(name: str, sends: bytes, status: int) -> Row:
        return Row(name, sends, status, Form.PLAIN, ends=True, says="refused unread")

    yield Row("host/unheard of", request("/open", host="other.test"), 421, Form.STANDARD, "misdirected", says="refused")
    yield ambiguous("host/malformed", request("/open", host="gw.test/x"), form=Form.STANDARD)
    yield ambiguous("host/missing", request("/open", host=None))
    yield too_large("size/head", request("/glue", "<bearer>", "X: " + "y" * 32_768), 431)
    yield too_large("size/fields", request("/glue", "<bearer>", *(f"X-{n}: y" for n in range(100))), 431)
    yield too_large("size/target", request("/" + "x" * 8_192, "<bearer>"), 414)


def _tokens() -> Iterator[Row]:
    for name in ("expired", "of another issuer", "for another audience", "forged", "unsigned", "no token at all"):
        field = f"Authorization: Bearer <{name}>"
        glue = Row(f"token/{name}/glue", request("/glue", field), 401, Form.GLUE, "001", says="token_invalid")
        standard = request("/standard", field)
        yield glue
        yield Row(f"token/{name}/standard", standard, 401, Form.STANDARD, "token_invalid", says="token_invalid")
        ceremony = request(TRIGGER, field, JSON, method="POST", body=b"{}")
        yield Row(f"token/{name}/ceremony", ceremony, 401, Form.GLUE, "001", says="token_invalid")


def _codes() -> Iterator[Row]:
    for name, code in {"letters": "abcdef", "short": "12345", "long": "1234567", "Arabic": "<arabic>"}.items():
        sends = request("/glue", f"Authorization: Bearer <of {name}>", f"X-MFA-Code: {code}")
        yield Row(f"code/{name}/glue", sends, 403, Form.GLUE, "5901", says="code_invalid")


def _bodies() -> Iterator[Row]:
    def ceremony(name: str, status: int, reason: str, body: bytes, *fields: str, ends: bool = False) -> Row:
        sends = request(TRIGGER, "<bearer>", *(fields or (JSON,)), method="POST", body=body)
        return Row(f"ceremony/{name}", sends, status, Form.GLUE, ends=ends, says=reason)

    yield ceremony("no JSON", 400, "body_malformed", b"{")
    yield ceremony("not UTF-8", 400, "body_malformed", b'{"data":{"type":"\xff"}}')
    yield ceremony("no data", 400, "body_malformed", b"[]")
    yield ceremony("a key twice", 400, "body_malformed", b'{"data":{"type":"a","type":"b"}}')
    yield ceremony("deep", 400, "body_malformed", b"[" * 60_000)
    yield ceremony("another type", 400, "body_type_invalid", b'{"data":{"type":"multi-factor-auth-types"}}')
    yield ceremony("text", 415, "body_unsupported", b"hello", "Content-Type: text/plain")
    yield ceremony("form", 415, "body_unsupported", b"a=b", "Content-Type: application/x-www-form-urlencoded")
    yield ceremony("too large", 413, "body_too_large", b" " * 65_537, ends=True)
    chunks = (
        request(TRIGGER, "<bearer>", JSON, CHUNKED, method="POST") + b"10001\r\n" + b" " * 65_537 + b"\r\n0\r\n\r\n"
    )
    yield Row("ceremony/too large in chunks", chunks, 413, Form.GLUE, ends=True, says="body_too_large")


def _upstream() -> Iterator[Row]:
    for name, status in (("closes without a word", 502), ("speaks no HTTP", 502), ("never answers", 504)):
        target = TARGETS[name]
        yield Row(f"upstream/{name}", request(target), status, Form.PLAIN, says=" failed: ", reaches=(f"GET {target}",))


TABLE = (*_targets(), *_duplicates(), *_sizes(), *_tokens(), *_codes(), *_bodies(), *_upstream())
