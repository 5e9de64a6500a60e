"""The sections about providers of short messages whose interfaces are spoken as they are.

What stays out: the interfaces themselves (senders), and the choice between them (factors).
"""

import re
from ipaddress import ip_address
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from mfa_gateway.settings.addresses import HttpOrigin, PublicUrl
from mfa_gateway.settings.durations import Duration, within
from mfa_gateway.settings.files import ReadPasswordFile
from mfa_gateway.settings.section import Section, Text

# What goes into the path of a URL or names a login: never a separator of either.
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
# 3GPP TS 23.040 section 9.1.2.5: eleven characters, or a number.
_SENDER: Final = re.compile(r"\+?[0-9]{3,15}|[A-Za-z0-9 ._&-]{1,11}", re.ASCII)


def _name(value: str) -> str:
    if _NAME.fullmatch(value) is None:
        raise ValueError("must be the name as the provider shows it: letters and digits")
    return value


def _sender(value: str) -> str:
    if _SENDER.fullmatch(value) is None:
        raise ValueError(f"'{value}' is not a sender: write a number, as in +4915112345678, or up to 11 characters")
    return value


def _protected(value: HttpOrigin) -> HttpOrigin:
    """The password travels in every request."""
    if value.scheme == "http" and not _is_this_machine(value.host):
        raise ValueError("would send the password in clear: write https://")
    return value


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": "^[A-Za-z0-9_-]{1,64}$"})]
Sender = Annotated[Text, AfterValidator(_sender)]
BaseUrl = Annotated[PublicUrl, AfterValidator(_protected)]
Deadline = Annotated[Duration, within("100ms", "5m")]


class Twilio(Section):
    """An account at Twilio, or at somebody with the same interface."""

    account_sid: Name
    """Names the account, as in AC..."""
    auth_token_file: ReadPasswordFile
    """File with its password."""
    sender: Annotated[Sender | None, Field(alias="from")] = None
    """Number or name that the messages come from. Or:"""
    messaging_service_sid: Name | None = None
    """The messaging service that chooses the sender, as in MG..."""
    base_url: BaseUrl = HttpOrigin("https", "api.twilio.com", 443)
    """Where its interface is."""
    timeout: Deadline = 10.0
    """For handing one message over, from connecting to the answer."""


class Vonage(Section):
    """An account at Vonage (Nexmo), or at somebody with the same interface."""

    api_key: Name
    """Names the account."""
    api_secret_file: ReadPasswordFile
    """File with its password."""
    sender: Annotated[Sender, Field(alias="from")]
    """Number or name that the messages come from."""
    base_url: BaseUrl = HttpOrigin("https", "rest.nexmo.com", 443)
    """Where its interface is."""
    timeout: Deadline = 10.0
    """For handing one message over, from connecting to the answer."""
