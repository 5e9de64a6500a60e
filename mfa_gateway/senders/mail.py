"""Mails: a text becomes a message as RFC 5322 wants it, to exactly one reader.

What stays out: words (texts) and transport (smtp).
"""

import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses
from typing import Final

from mfa_gateway.senders.texts import Text

# An addr-spec without quoting and literals: no character in it can end a header, a command or an address.
_MAILBOX: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-]{1,64}@[A-Za-z0-9.\-]{1,253}", re.ASCII)


def read_mailbox(text: str) -> Address:
    """Read the address of one reader.

    Raises:
        ValueError: it is not exactly one plain mailbox. The text is not shown.
    """
    if _MAILBOX.fullmatch(text) is None:
        raise ValueError("is not one plain mailbox")
    local, _, domain = text.partition("@")
    return Address(username=local, domain=domain)


def read_sender(text: str) -> Address:
    """Read the address that mails come from, with or without a name: `Example <no-reply@example.com>`.

    Raises:
        ValueError: it is not one mailbox with at most one name.
    """
    addresses = getaddresses([text]) if text.isprintable() else []
    if len(addresses) != 1 or _MAILBOX.fullmatch(addresses[0][1]) is None:
        raise ValueError(f"'{text}' is not the address of a sender: write Example <no-reply@example.com>")
    [(name, mailbox)] = addresses
    return Address(display_name=name, addr_spec=mailbox)


def compose(text: Text, *, sender: Address, reader: Address, sent: datetime, unique: str) -> EmailMessage:
    """A plain text mail. `unique` makes its Message-ID, in the sender's own domain (RFC 5322 section 3.6.4)."""
    mail = EmailMessage(SMTP)
    mail["From"] = sender
    mail["To"] = reader
    mail["Subject"] = text.subject
    mail["Date"] = format_datetime(sent)
    mail["Message-ID"] = f"<{unique}@{sender.domain}>"
    # RFC 3834 section 5: no machine shall answer this.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text.body, cte="7bit" if text.body.isascii() else "quoted-printable")
    # RFC 3282. Last, since setting the content drops every Content field.
    mail["Content-Language"] = text.language
    return mail
