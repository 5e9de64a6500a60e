"""The codec: requests to a method become errands, outcomes become envelopes.

What stays out: whether a code is right or a session open (core.entrance), and reading requests off the wire (doors).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from mfa_gateway.core.entrance import Errand, Outcome, Turned
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.describing import Description
from mfa_gateway.dialects.gigya.authorization import cookie, credential_of
from mfa_gateway.dialects.gigya.bag import Bag, read_bag
from mfa_gateway.dialects.gigya.description import description
from mfa_gateway.dialects.gigya.envelope import Body, Form, plain_form, read_form, status_of, written
from mfa_gateway.dialects.gigya.errors import DEVICE, GigyaError, error_of, invalid, missing
from mfa_gateway.dialects.gigya.method import Method, Request
from mfa_gateway.dialects.gigya.methods import method_called
from mfa_gateway.dialects.gigya.refusals import refusal_error, wants_plain_status
from mfa_gateway.dialects.gigya.sites import GigyaSite
from mfa_gateway.dialects.wire import Accepted, Asked, Headers, Received, Reply, allow, come_back, error_code

_VERBS: Final = frozenset({"GET", "POST"})
_ALLOW: Final[Headers] = allow("GET, POST")
# spec/gigya.md section 1.1: a device id has up to 100 characters; a `gmid` as it is handed out has some more.
_LONGEST_DEVICE: Final = 256
# spec/gigya.md section 0.2: 32 digits. The name of a request is found again in one by its end.
_CALL_ID: Final = 32


@dataclass(frozen=True, slots=True)
class _Called:
    """A request that is being answered: what was called, and how."""

    method: Method
    request: Request


@dataclass(frozen=True, slots=True)
class Gigya:
    """The Gigya form.

    Attributes:
        sites: by their API keys.
        prefix: where its area is: "" or a canonical path without a final slash, such as "/gigya".
        base_url: the address that clients call, for the signatures that they make over it; "" where nobody said.
        allows_jsonp: whether any page may include answers as scripts.
    """

    sites: Mapping[str, GigyaSite] = field(default_factory=dict, repr=False)
    prefix: str = ""
    base_url: str = ""
    allows_jsonp: bool = False

    @property
    def endpoints(self) -> Mapping[str, str]:
        """The whole area, and its root."""
        return MappingProxyType({f"{self.prefix}/**": ""})

    def describe(self) -> Description:
        """Every method, for readers."""
        return description(self.prefix, allows_jsonp=self.allows_jsonp)

    def receive(self, received: Received) -> Accepted | Reply:
        """Read a call: what is to be done, or the answer where that is clear already."""
        if received.asked.method not in _VERBS:
            return self.turn_away(Reason.METHOD_NOT_ALLOWED, received)
        bag = read_bag(received)
        if isinstance(bag, GigyaError):
            return written(Body(error=bag), plain_form(received))
        form = read_form(bag, received, allows_jsonp=self.allows_jsonp)
        if isinstance(form, GigyaError):
            return written(Body(error=form), plain_form(received))
        accepted = self._accepted(bag, form, received)
        match accepted:
            case GigyaError():
                return written(Body(error=accepted), form)
            case Body():
                return written(accepted, form)
            case _:
                return accepted

    def _accepted(self, bag: Bag, form: Form, received: Received) -> Accepted | Body | GigyaError:
        name = received.asked.path.removeprefix(f"{self.prefix}/")
        method = method_called(name)
        if method is None:
            return GigyaError(405001)
        access = self._site(bag, received)
        if isinstance(access, GigyaError):
            return access
        credential = credential_of(bag, self._addressed(received, name), access, is_script=bool(form.callback))
        if isinstance(credential, GigyaError):
            return credential
        kept, user = cookie(received, DEVICE), cookie(received, "ucid")
        device = bag.get(DEVICE) or kept
        if len(device) > _LONGEST_DEVICE:
            return invalid(DEVICE)
        request = Request(bag, form, access, is_secure=received.is_secure, device=kept, user=user)
        command = method.read(request)
        if isinstance(command, GigyaError | Body):
            return command
        errand = Errand(
            command,
            access.site,
            received.now_ms,
            credential=credential,
            welcome=method.welcome,
            device=device,
            languages=_languages(bag, received),
        )
        return Accepted(errand, _Called(method, request))

    def _site(self, bag: Bag, received: Received) -> GigyaSite | GigyaError:
        """The site of an API key, which mobile clients send as a header as well."""
        told, header = bag.get("apiKey"), received.header(b"apikey")
        if told and header and told != header:
            return GigyaError(400093, "Two API keys came with this request")
        key = told or header
        if not key:
            return missing("apiKey")
        return self.sites.get(key) or GigyaError(400093)

    def _addressed(self, received: Received, name: str) -> Received:
        """The request with the address that clients are told to call, before those that it may have come by."""
        if not self.base_url:
            return received
        urls = (f"{self.base_url}/{name}", *received.urls)
        return replace(received, urls=urls)

    def answer(self, outcome: Outcome, accepted: Accepted) -> Reply:
        """Write what became of a call.

        Raises:
            TypeError: it was accepted by somebody else.
        """
        called = accepted.form
        if not isinstance(called, _Called):
            raise TypeError("this call was not accepted here")
        if isinstance(outcome, Turned):
            return written(Body(error=error_of(outcome)), called.request.form)
        return written(called.method.write(outcome, called.request), called.request.form)

    def turn_away(self, reason: Reason, received: Received) -> Reply:
        """Write why a request was not read. What the client wishes is not known then, so it has a real status."""
        error = refusal_error(reason)
        headers = _ALLOW if reason is Reason.METHOD_NOT_ALLOWED else ()
        return written(Body(error=error, headers=headers), plain_form(received), status=status_of(error.code))

    def refuse(self, reason: Reason, asked: Asked, *, retry_after_ms: int = 0) -> Reply:
        """Write a refusal of the gate. Its call id is the name of the request."""
        error = refusal_error(reason)
        status = 200 if wants_plain_status(asked) else status_of(error.code)
        headers = (*error_code(str(error.code)), *come_back(reason, retry_after_ms))
        if reason is Reason.METHOD_NOT_ALLOWED:
            headers += allow(None)
        form = Form(asked.request_id.zfill(_CALL_ID), asked.now_ms)
        return written(Body(error=error, headers=headers), form, status=status)


def _languages(bag: Bag, received: Received) -> tuple[str, ...]:
    """What the visitor prefers to read: what the method was told, then what the browser says."""
    told = bag.get("lang")
    return (told, *received.languages) if told.replace("-", "").isalnum() and told.isascii() else received.languages
