from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.senders.mail import compose, read_mailbox, read_sender
from mfa_gateway.senders.texts import Text

SENDER = read_sender("Example Shop <no-reply@shop.test>")
ANNA = read_mailbox("anna@example.test")


def mail(text: Text, reader: Address = ANNA) -> EmailMessage:
    return compose(text, sender=SENDER, reader=reader, sent=datetime(2027, 1, 15, 8, 0, tzinfo=UTC), unique="u1")


def test_a_mail_looks_like_this() -> None:
    assert mail(Text("en", "Your code", "Here:\n\n    048213\n")).as_bytes().decode("ascii").split("\r\n") == [
        "From: Example Shop <no-reply@shop.test>",
        "To: anna@example.test",
        "Subject: Your code",
        "Date: Fri, 15 Jan 2027 08:00:00 +0000",
        "Message-ID: <u1@shop.test>",
        "Auto-Submitted: auto-generated",
        'Content-Type: text/plain; charset="utf-8"',
        "Content-Transfer-Encoding: 7bit",
        "MIME-Version: 1.0",
        "Content-Language: en",
        "",
        "Here:",
        "",
        "    048213",
        "",
    ]


def test_a_text_with_umlauts_leaves_the_code_readable_on_the_way() -> None:
    written = mail(Text("de", "Ihr Code f\u00fcr Example", "Sch\u00f6n:\n\n    048213\n")).as_bytes()
    assert b"Content-Transfer-Encoding: quoted-printable\r\n" in written
    assert written.endswith(b"\r\n\r\nSch=C3=B6n:\r\n\r\n    048213\r\n")
    assert written.isascii()


def test_what_was_written_is_what_is_read() -> None:
    body = "Gr\u00fc\u00dfe \u2713\n.\n..\nFrom here\n" + "x" * 200 + "\n"
    read = message_from_bytes(mail(Text("de", "\u00dcber " * 30, body)).as_bytes(), policy=default)
    content = read.get_content()
    assert content.replace("\r\n", "\n") == body
    assert read["Subject"] == "\u00dcber " * 30


@pytest.mark.parametrize("header", ["Precedence", "List-Unsubscribe", "X-Mailer", "Bcc", "Cc", "Reply-To"])
def test_a_mail_is_no_bulk_mail_and_goes_to_nobody_else(header: str) -> None:
    assert mail(Text("en", "Your code", "048213\n"))[header] is None


@pytest.mark.parametrize("subject", ["Your code\nBcc: all@example.test", "Your code\r\n\r\nbody", "a\rb"])
def test_a_subject_cannot_become_a_header(subject: str) -> None:
    with pytest.raises(ValueError, match="may not contain linefeed or carriage return"):
        mail(Text("en", subject, "048213\n"))


@pytest.mark.parametrize(
    "text", ["anna@example.test", "a.b+c@sub.example.test", "o'hara@example.test", "root@localhost"]
)
def test_a_plain_mailbox_is_read_as_it_is(text: str) -> None:
    assert read_mailbox(text).addr_spec == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anna",
        "@example.test",
        "anna@",
        "a@b@c",
        "Anna <anna@example.test>",
        "anna@example.test, otto@example.test",
        "anna@example.test\r\nBcc: otto@example.test",
        "anna@example.test\n",
        "anna@example.test> SIZE=1",
        "anna @example.test",
        '"anna"@example.test',
        "anna@[127.0.0.1]",
        "j\u00fcrgen@example.test",
        "anna@ex\u00e4mple.test",
        "a" * 65 + "@example.test",
        "\x00@example.test",
    ],
)
def test_everything_that_is_not_one_plain_mailbox_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"\Ais not one plain mailbox\Z"):
        read_mailbox(text)


@settings(deadline=None)
@given(st.text(max_size=40) | st.text(alphabet='ab.@<>,: \r\n"', max_size=12))
def test_no_text_puts_a_second_reader_into_a_mail(text: str) -> None:
    try:
        reader = read_mailbox(text)
    except ValueError:
        return
    written = mail(Text("en", "Your code", "048213\n"), reader).as_bytes()
    headers = written.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert len(headers) == 10
    assert message_from_bytes(written, policy=default)["To"].addresses[0].addr_spec == text


@pytest.mark.parametrize(
    ("text", "name", "mailbox"),
    [
        ("no-reply@shop.test", "", "no-reply@shop.test"),
        ("Example Shop <no-reply@shop.test>", "Example Shop", "no-reply@shop.test"),
        ('"Shop, Example" <no-reply@shop.test>', "Shop, Example", "no-reply@shop.test"),
        ("B\u00e4cker <no-reply@shop.test>", "B\u00e4cker", "no-reply@shop.test"),
    ],
)
def test_a_sender_may_have_a_name(text: str, name: str, mailbox: str) -> None:
    sender = read_sender(text)
    assert (sender.display_name, sender.addr_spec) == (name, mailbox)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Example Shop",
        "a@b.test, c@d.test",
        "Shop <a@b.test>\nBcc: c@d.test",
        "Shop\nTeam <a@b.test>",
        "Shop\x00 <a@b.test>",
        "Shop <a@b@c>",
        "Shop <>",
        "Shop, Inc. <a@b.test>",
    ],
)
def test_a_sender_is_one_address(text: str) -> None:
    with pytest.raises(ValueError, match="is not the address of a sender"):
        read_sender(text)
