"""The envelope: the one shape of every answer, in JSON or as a call of a function (JSONP).

Layout and order are those of the wire (spec/gigya.md section 0.2): clients search the text with regular expressions.
Errors have status 200 unless the client asks for real ones. A JSONP answer is a script that any page can include, so it
begins with a comment that no other format begins with, is typed as a script and never sniffed, and its function has a
plain name (attacks U01). What stays out: which error, and what an answer holds.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from mfa_gateway.dialects.gigya.bag import Bag
from mfa_gateway.dialects.gigya.errors import GigyaError, invalid
from mfa_gateway.dialects.wire import NO_STORE, Headers, Received, Reply, retry_after

_CALLBACK: Final = re.compile(r"[A-Za-z_$][\w$.]{0,63}", re.ASCII)
# What a request may have echoed; a client sends a number or a few names.
_LONGEST_CONTEXT: Final = 2048

_NOT_SNIFFED: Final = (b"x-content-type-options", b"nosniff")
_JSON: Final[Headers] = ((b"content-type", b"application/json; charset=utf-8"), _NOT_SNIFFED, *NO_STORE)
_JSONP: Final[Headers] = ((b"content-type", b"text/javascript; charset=utf-8"), _NOT_SNIFFED, *NO_STORE)

Payload = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer is written.

    Attributes:
        call_id: names it.
        now_ms: when it is, in milliseconds since 1970.
        callback: the function of a JSONP answer; "" for JSON.
        context: what the request wants to see again; None where it said nothing.
        has_real_status: whether errors have the status of their code.
    """

    call_id: str
    now_ms: int
    callback: str = ""
    context: str | None = field(default=None, repr=False)
    has_real_status: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """What an answer holds: an error where there is one, and fields; those that are None are left out."""

    fields: Payload = field(default_factory=dict, repr=False)
    error: GigyaError | None = None
    headers: Headers = field(default=(), repr=False)


def plain_form(received: Received) -> Form:
    """The form of answers to requests whose own wishes cannot be read."""
    return Form(received.unique, received.now_ms)


def read_form(bag: Bag, received: Received, *, allows_jsonp: bool) -> Form | GigyaError:
    """How the client wants its answer, or what is wrong with that."""
    callback = _callback(bag, allows_jsonp=allows_jsonp)
    if isinstance(callback, GigyaError):
        return callback
    has_real_status = bag.flag("httpStatusCodes")
    if isinstance(has_real_status, GigyaError):
        return has_real_status
    context = bag.values.get("context")
    if context is not None and len(context) > _LONGEST_CONTEXT:
        return invalid("context")
    return Form(received.unique, received.now_ms, callback, context, has_real_status)


def _callback(bag: Bag, *, allows_jsonp: bool) -> str | GigyaError:
    match bag.get("format", "json").lower():
        case "json":
            return ""
        case "jsonp" if not allows_jsonp:
            return GigyaError(400096, "format=jsonp is switched off for this site")
        case "jsonp":
            callback = bag.need("callback")
            is_wrong = isinstance(callback, str) and _CALLBACK.fullmatch(callback) is None
            return invalid("callback") if is_wrong else callback
        case _:
            return invalid("format")


def written(body: Body, form: Form, *, status: int | None = None) -> Reply:
    """A whole answer. `status`: where HTTP itself wants one, whatever the client asks for."""
    code = 0 if body.error is None else body.error.code
    content = {**_head(body.error, form), **{name: value for name, value in body.fields.items() if value is not None}}
    if form.context is not None:
        content["context"] = form.context
    real = status_of(code) if form.has_real_status else 200
    wait = () if body.error is None else retry_after(body.error.retry_after_ms)
    headers = (*(_JSONP if form.callback else _JSON), *wait, *body.headers)
    return Reply(real if status is None else status, headers, _text(content, form.callback))


def _head(error: GigyaError | None, form: Form) -> dict[str, object]:
    code = 0 if error is None else error.code
    status = status_of(code)
    head: dict[str, object] = {"callId": form.call_id, "errorCode": code}
    if error is not None:
        head |= {"errorDetails": error.details or error.message, "errorMessage": error.message}
    return head | {
        "apiVersion": 2,
        "statusCode": status,
        "statusReason": HTTPStatus(status).phrase,
        "time": timestamp(form.now_ms),
    }


def _text(content: Mapping[str, object], callback: str) -> bytes:
    if not callback:
        return json.dumps(content, indent=2, ensure_ascii=False).encode("utf-8", "replace")
    # ASCII only: U+2028 ends a line of a script, and "<" could end the script of a careless page.
    script = json.dumps(content, indent=2).replace("<", "\\u003c")
    return f"/**/{callback}({script});".encode("ascii")


def status_of(code: int) -> int:
    """The status that a code stands for: its first three digits."""
    return code // 1000 if code else 200


def timestamp(ms: int) -> str:
    """A moment, as in `2026-06-01T11:22:57.017Z`."""
    seconds, rest = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"
