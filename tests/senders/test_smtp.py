import asyncio
import ssl
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.smtp import Envelope

from mfa_gateway.core.account import Factor
from mfa_gateway.core.fault import DeliveryFailed
from mfa_gateway.core.message import CodeMessage, Happening, NoticeMessage
from mfa_gateway.core.proof import Purpose
from mfa_gateway.engine.ports import Sender
from mfa_gateway.senders.smtp import Security, SmtpSender, SmtpTerms, _cause
from mfa_gateway.senders.texts import Texts
from tests.senders.conftest import EVENT_DEADLINE, PASSWORD, USER, Certificates, Inbox, Misbehave, Rogue, Serve

CODE = "048213"
ADDRESS = "anna.meier@example.test"
TEXTS = Texts("Example Shop")


def message(address: str = ADDRESS, languages: tuple[str, ...] = ()) -> CodeMessage:
    return CodeMessage(Factor.EMAIL, address, CODE, Purpose.GATE, 600_000, languages)


def terms(port: int, security: Security = Security.PLAIN, **changes: Any) -> SmtpTerms:
    written = {"host": "127.0.0.1", "sender": "Example Shop <no-reply@shop.test>", "timeout": EVENT_DEADLINE}
    return SmtpTerms(port=port, security=security, **{**written, **changes})


def sender(port: int, security: Security = Security.PLAIN, tls: ssl.SSLContext | None = None, **changes: Any) -> Sender:
    return SmtpSender(terms(port, security, **changes), texts=TEXTS, clock=lambda: 1_800_000_000.0, tls=tls)


def read(envelope: Envelope) -> EmailMessage:
    assert isinstance(envelope.content, bytes)
    mail = message_from_bytes(envelope.content, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


async def failure(sending: Sender, sent: CodeMessage | None = None) -> str:
    """Why a message could not be sent, after a look at whether the reason tells too much."""
    with pytest.raises(DeliveryFailed) as caught:
        await sending.send(sent or message())
    text = str(caught.value)
    assert not any(secret in text for secret in (CODE, ADDRESS, "anna", PASSWORD))
    assert caught.value.__suppress_context__
    return text


# --- Delivery ---------------------------------------------------------------------------------


async def test_a_code_is_delivered_as_a_mail_to_one_reader(serve: Serve, inbox: Inbox) -> None:
    await sender(serve()).send(message())
    [envelope] = inbox.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("no-reply@shop.test", [ADDRESS])
    mail = read(envelope)
    assert (mail["From"], mail["To"]) == ("Example Shop <no-reply@shop.test>", ADDRESS)
    assert mail["Date"] == "Fri, 15 Jan 2027 08:00:00 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert f"\n    {CODE}\n" in mail.get_content().replace("\r\n", "\n")


async def test_a_notice_is_a_mail_like_any_other(serve: Serve, inbox: Inbox) -> None:
    telling = SmtpSender(terms(serve()), texts=TEXTS)
    await telling.tell(NoticeMessage(ADDRESS, Happening.REMOVED, Factor.EMAIL))
    [envelope] = inbox.envelopes
    assert envelope.rcpt_tos == [ADDRESS]
    assert read(envelope)["Subject"] == "A second step was removed at Example Shop"
    with pytest.raises(DeliveryFailed, match="the address"):
        await telling.tell(NoticeMessage("a@b.test, c@d.test", Happening.REMOVED, Factor.EMAIL))


async def test_a_mail_is_written_in_the_language_of_its_reader(serve: Serve, inbox: Inbox) -> None:
    await sender(serve()).send(message(languages=("fr", "de-AT")))
    mail = read(inbox.envelopes[0])
    assert (mail["Content-Language"], mail["Subject"]) == ("de", "Ihr Code f\u00fcr Example Shop")
    assert "sch\u00fctzen" in mail.get_content()


async def test_every_mail_has_a_name_of_its_own_in_the_domain_of_the_sender(serve: Serve, inbox: Inbox) -> None:
    sending = sender(serve())
    await sending.send(message())
    await sending.send(message())
    names = {read(envelope)["Message-ID"] for envelope in inbox.envelopes}
    assert len(names) == 2
    assert all(name.endswith("@shop.test>") for name in names)


async def test_starttls_comes_before_login_and_mail(serve: Serve, inbox: Inbox, certificates: Certificates) -> None:
    port = serve(
        tls_context=certificates.server(), require_starttls=True, authenticator=inbox.authenticate, auth_required=True
    )
    sending = sender(port, Security.STARTTLS, certificates.client, username=USER, password=PASSWORD)
    await sending.send(message())
    assert len(inbox.envelopes) == 1
    assert inbox.over_tls == [True]
    assert inbox.logins == ["PLAIN"]


async def test_tls_from_the_first_byte(serve: Serve, inbox: Inbox, certificates: Certificates) -> None:
    port = serve(ssl_context=certificates.server(), authenticator=inbox.authenticate, auth_require_tls=False)
    sending = sender(port, Security.TLS, certificates.client, username=USER, password=PASSWORD)
    await sending.send(message())
    assert len(inbox.envelopes) == 1
    assert inbox.logins == ["PLAIN"]


async def test_many_codes_travel_side_by_side(serve: Serve, inbox: Inbox) -> None:
    sending = sender(serve())
    await asyncio.gather(*(sending.send(message(f"reader{number}@example.test")) for number in range(20)))
    assert len({envelope.rcpt_tos[0] for envelope in inbox.envelopes}) == 20


async def test_a_mail_that_was_accepted_is_delivered_though_the_server_does_not_say_good_bye(
    misbehave: Misbehave,
) -> None:
    for habits in ({"stall_at": "QUIT"}, {"hang_up_at": "QUIT"}):
        rogue = await misbehave(**habits)
        await sender(rogue.port).send(message())
        assert rogue.heard[-1] == "QUIT"


# --- Refusals of the server -------------------------------------------------------------------


async def test_a_refused_reader_is_told_by_number(serve: Serve, inbox: Inbox) -> None:
    inbox.on_rcpt = "550 no such mailbox here: {}"
    assert "the recipient was refused (550)" in await failure(sender(serve()))
    assert inbox.envelopes == []


async def test_a_refused_sender_is_told_by_number(serve: Serve, inbox: Inbox) -> None:
    inbox.on_mail = "553 not yours"
    assert "the sender was refused (553)" in await failure(sender(serve()))


async def test_a_refused_mail_is_told_by_number(serve: Serve, inbox: Inbox) -> None:
    inbox.on_data = f"554 we do not like {CODE} for {ADDRESS}"
    assert "the mail was refused (554)" in await failure(sender(serve()))


async def test_a_refused_login_is_told_without_the_password(
    serve: Serve, inbox: Inbox, certificates: Certificates
) -> None:
    port = serve(tls_context=certificates.server(), authenticator=inbox.authenticate, auth_required=True)
    sending = sender(port, Security.STARTTLS, certificates.client, username=USER, password="wrong")
    assert "the login was refused (535): check user name and password" in await failure(sending)
    assert inbox.envelopes == []


async def test_a_login_that_the_server_does_not_offer_is_a_failure(
    serve: Serve, inbox: Inbox, certificates: Certificates
) -> None:
    port = serve(tls_context=certificates.server(), auth_exclude_mechanism=["PLAIN", "LOGIN"])
    sending = sender(port, Security.STARTTLS, certificates.client, username=USER, password=PASSWORD)
    assert "it offers no login by password" in await failure(sending)
    assert inbox.envelopes == []


# --- TLS or nothing ---------------------------------------------------------------------------


async def test_without_starttls_nothing_is_said(misbehave: Misbehave, certificates: Certificates) -> None:
    rogue = await misbehave(extensions=("AUTH PLAIN",))
    sending = sender(rogue.port, Security.STARTTLS, certificates.client, username=USER, password=PASSWORD)
    assert "does not offer STARTTLS, and nothing is sent in clear" in await failure(sending)
    assert rogue.heard == ["EHLO shop.test"]


async def test_when_starttls_is_refused_nothing_is_said(misbehave: Misbehave, certificates: Certificates) -> None:
    rogue = await misbehave(extensions=("STARTTLS", "AUTH PLAIN"))
    sending = sender(rogue.port, Security.STARTTLS, certificates.client, username=USER, password=PASSWORD)
    assert "(454)" in await failure(sending)
    assert rogue.heard == ["EHLO shop.test", "STARTTLS"]


async def test_a_server_that_speaks_no_tls_is_a_failure(misbehave: Misbehave, certificates: Certificates) -> None:
    rogue = await misbehave()
    assert "no TLS connection could be made" in await failure(sender(rogue.port, Security.TLS, certificates.client))


async def test_the_authorities_of_the_system_are_trusted_and_no_others(
    serve: Serve, inbox: Inbox, certificates: Certificates
) -> None:
    starttls, tls = serve(tls_context=certificates.server()), serve(ssl_context=certificates.server())
    assert "its certificate was not accepted: self" in await failure(sender(starttls, Security.STARTTLS))
    assert "its certificate was not accepted: self" in await failure(sender(tls, Security.TLS))
    assert inbox.envelopes == []


async def test_a_certificate_is_for_the_host_that_was_named(
    serve: Serve, inbox: Inbox, certificates: Certificates
) -> None:
    starttls, tls = serve(tls_context=certificates.server()), serve(ssl_context=certificates.server())
    for port, security in ((starttls, Security.STARTTLS), (tls, Security.TLS)):
        sending = sender(port, security, certificates.client, host="localhost")
        assert "its certificate was not accepted: Hostname mismatch" in await failure(sending)
    assert inbox.envelopes == []


# --- Servers that are away, stall or hang up --------------------------------------------------


async def test_a_server_that_is_not_there_is_a_failure(unused_tcp_port: int) -> None:
    assert "it could not be reached" in await failure(sender(unused_tcp_port))


@pytest.mark.parametrize("word", ["", "EHLO", "MAIL", "RCPT", "DATA", "."])
async def test_a_server_that_stalls_costs_no_more_than_the_deadline(misbehave: Misbehave, word: str) -> None:
    rogue = await misbehave(stall_at=word)
    async with asyncio.timeout(EVENT_DEADLINE):
        assert "it did not take the mail in time" in await failure(sender(rogue.port, timeout=0.2))
        await rogue.gone.wait()


@pytest.mark.parametrize("word", ["EHLO", "STARTTLS"])
async def test_a_server_that_stalls_before_tls_costs_no_more_than_the_deadline(
    misbehave: Misbehave, certificates: Certificates, word: str
) -> None:
    rogue = await misbehave(extensions=("STARTTLS",), stall_at=word)
    sending = sender(rogue.port, Security.STARTTLS, certificates.client, timeout=0.2)
    async with asyncio.timeout(EVENT_DEADLINE):
        assert "it did not take the mail in time" in await failure(sending)
        await rogue.gone.wait()


async def test_a_server_that_stalls_in_the_handshake_costs_no_more_than_the_deadline(
    misbehave: Misbehave, certificates: Certificates
) -> None:
    rogue = await misbehave(stall_at="")
    async with asyncio.timeout(EVENT_DEADLINE):
        sending = sender(rogue.port, Security.TLS, certificates.client, timeout=0.2)
        assert "it did not take the mail in time" in await failure(sending)


@pytest.mark.parametrize("word", ["", "MAIL", "."])
async def test_a_server_that_stalls_behind_tls_costs_no_more_than_the_deadline(
    misbehave: Misbehave, certificates: Certificates, word: str
) -> None:
    rogue = await misbehave(stall_at=word, tls=certificates.server())
    async with asyncio.timeout(EVENT_DEADLINE):
        sending = sender(rogue.port, Security.TLS, certificates.client, timeout=0.3)
        assert "it did not take the mail in time" in await failure(sending)
        await rogue.gone.wait()


@pytest.mark.parametrize("word", ["", "EHLO", "MAIL", "RCPT", "DATA", "."])
async def test_a_server_that_hangs_up_is_a_failure(misbehave: Misbehave, word: str) -> None:
    rogue = await misbehave(hang_up_at=word)
    assert "the connection was closed" in await failure(sender(rogue.port))


async def test_a_sender_that_is_cancelled_leaves_no_connection(misbehave: Misbehave) -> None:
    rogue = await misbehave(stall_at="MAIL")
    sending = asyncio.get_running_loop().create_task(_send(rogue))
    async with asyncio.timeout(EVENT_DEADLINE):
        await rogue.reached.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await rogue.gone.wait()


async def _send(rogue: Rogue) -> None:
    await sender(rogue.port).send(message())


def test_a_failure_that_nobody_foresaw_is_named_without_its_text() -> None:
    assert _cause(ValueError(f"something about {ADDRESS}")) == "the delivery failed (ValueError)"


# --- Addresses and terms ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["", "anna", "anna@example.test\r\nRCPT TO:<otto@example.test>", "anna@example.test, otto@example.test", "<a@b>"],
)
async def test_what_is_no_single_mailbox_is_never_given_to_a_server(misbehave: Misbehave, address: str) -> None:
    rogue = await misbehave()
    assert await failure(sender(rogue.port), message(address)) == "the address is not one plain mailbox"
    assert rogue.heard == []


def test_the_sender_must_be_an_address() -> None:
    with pytest.raises(ValueError, match="is not the address of a sender"):
        sender(25, sender="Example Shop")


@pytest.mark.parametrize("changes", [{"username": USER}, {"password": PASSWORD}])
def test_name_and_password_go_together(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="go together"):
        terms(587, Security.STARTTLS, **changes)


def test_a_password_never_travels_in_clear() -> None:
    with pytest.raises(ValueError, match="must not travel in clear"):
        terms(25, Security.PLAIN, username=USER, password=PASSWORD)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_delivery_needs_some_time(timeout: float) -> None:
    with pytest.raises(ValueError, match="more than 0 seconds"):
        terms(25, timeout=timeout)


def test_the_password_does_not_show_in_the_repr() -> None:
    assert PASSWORD not in repr(terms(587, Security.STARTTLS, username=USER, password=PASSWORD))
