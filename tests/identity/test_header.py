"""The trusted header: one name, once, from a listed peer."""

import pytest
import structlog

from mfa_gateway.core.account import AccountId, Anonymous, Caller
from mfa_gateway.core.call import Call, CanonicalPath
from mfa_gateway.identity.flaw import Flaw
from mfa_gateway.identity.header import HeaderIdentity

NAME = b"x-forwarded-user"
PROXY = "10.0.0.7"


def header(name: bytes = NAME, realm: str = "staff") -> HeaderIdentity:
    return HeaderIdentity(realm=realm, name=name, is_listed=lambda peer: peer == PROXY)


def call(*fields: tuple[bytes, bytes], peer: str = PROXY, client: str = "") -> Call:
    return Call("GET", CanonicalPath(b"/", ()), peer=peer, client=client, headers=fields)


async def named(*fields: tuple[bytes, bytes]) -> Caller | Anonymous:
    return await header().identify(call(*fields))


async def refused(*fields: tuple[bytes, bytes]) -> str:
    """Why a header names nobody."""
    with structlog.testing.capture_logs() as logs:
        assert await named(*fields) is Anonymous.BAD_CREDENTIAL
    [line] = logs
    assert not any(value.decode("latin-1") in str(line) for _, value in fields if len(value) > 3)
    return str(line["flaw"])


async def test_a_listed_peer_names_the_caller() -> None:
    caller = await named((b"host", b"a"), (NAME, b" anna "))
    assert isinstance(caller, Caller)
    assert caller.account == AccountId("staff", "anna")
    assert caller.claims == {"sub": "anna"}


async def test_a_subject_may_be_any_plain_text_in_utf_8() -> None:
    caller = await named((NAME, "J\u00fcrgen M\u00fcller <j@example.test>".encode()))
    assert isinstance(caller, Caller)
    assert caller.account.subject == "J\u00fcrgen M\u00fcller <j@example.test>"


@pytest.mark.parametrize("peer", ["", "10.0.0.8", "192.0.2.1", "unix"])
async def test_the_word_of_other_peers_does_not_count(peer: str) -> None:
    told = await header().identify(call((NAME, b"anna"), peer=peer))
    assert told is Anonymous.NO_CREDENTIAL


async def test_the_client_that_a_proxy_speaks_of_is_no_peer() -> None:
    told = await header().identify(call((NAME, b"anna"), peer="192.0.2.1", client=PROXY))
    assert told is Anonymous.NO_CREDENTIAL


async def test_a_listed_peer_that_names_nobody_names_nobody() -> None:
    assert await named((b"x-forwarded-users", b"anna")) is Anonymous.NO_CREDENTIAL


@pytest.mark.parametrize(
    "fields",
    [
        ((NAME, b"anna"), (NAME, b"otto")),
        ((NAME, b"anna"), (NAME, b"anna")),
        ((NAME, b"anna"), (NAME, b"")),
        ((NAME, b"anna"), (b"x_forwarded_user", b"otto")),
        ((b"x-forwarded_user", b"anna"),),
        ((b"x.forwarded.user", b"anna"),),
        ((NAME, b"otto, anna"),),
        ((NAME, b"anna,"),),
    ],
)
async def test_a_name_is_said_once_and_in_so_many_letters(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    assert await refused(*fields) == Flaw.SEVERAL_SUBJECTS.value


@pytest.mark.parametrize("value", [b"", b" \t ", b"a" * 256, b"an\x00na", b"an\x7fna", b"an\xffna", b"\xc2\x85"])
async def test_a_subject_is_a_plain_name(value: bytes) -> None:
    assert await refused((NAME, value)) == Flaw.BAD_SUBJECT.value


async def test_one_subject_is_one_session() -> None:
    first, again, other = [await named((NAME, value)) for value in (b"anna", b"anna", b"otto")]
    assert isinstance(first, Caller)
    assert isinstance(other, Caller)
    assert first == again
    assert first.session != other.session
    assert "anna" not in first.session + first.token


async def test_realms_and_headers_are_told_apart() -> None:
    sessions = set()
    for identity, name in ((header(), NAME), (header(realm="desk"), NAME), (header(b"x-user"), b"x-user")):
        caller = await identity.identify(call((name, b"anna")))
        assert isinstance(caller, Caller)
        sessions.add(caller.session)
    assert len(sessions) == 3


@pytest.mark.parametrize(("realm", "name"), [("", NAME), ("staff", b""), ("staff", b"X-User")])
def test_a_header_needs_a_realm_and_a_name(realm: str, name: bytes) -> None:
    with pytest.raises(ValueError, match="needs a realm"):
        header(name, realm)
