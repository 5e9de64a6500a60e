"""The channel between two processes: whole messages, and an end that is heard."""

import base64
import socket
from pathlib import Path

from mfa_gateway.cli.supervision.channel import Begin, Channel, Counted, Listening, Stop
from mfa_gateway.settings import parse_settings

KEY = base64.b64encode(bytes(range(32))).decode()
SETTINGS = parse_settings(
    {
        "secrets": {"keys": [KEY]},
        "trusted_proxies": ["10.0.0.0/8"],
        "factors": {"email": {"enabled": False}},
        "access_control": {"default_policy": "open", "rules": [{"paths": ["/a"], "policy": "deny"}]},
    },
    folder=Path("/nowhere"),
)


async def pair() -> tuple[Channel, Channel]:
    one, other = socket.socketpair()
    return await Channel.over(one), await Channel.over(other)


async def test_messages_arrive_whole_and_in_order_and_then_the_end() -> None:
    one, other = await pair()
    counted = Counted({("verdicts", str(number)): number for number in range(20_000)})
    for message in (Listening(), counted, Stop(1.5)):
        one.send(message)
    assert [await other.receive() for _ in range(3)] == [Listening(), counted, Stop(1.5)]
    await one.close()
    assert await other.receive() is None
    one.send(Listening())
    other.send(Listening())
    await other.close()


async def test_settings_arrive_as_they_were_with_their_secrets() -> None:
    one, other = await pair()
    one.send(Begin(SETTINGS))
    begin = await other.receive()
    assert isinstance(begin, Begin)
    assert begin.settings == SETTINGS
    assert begin.settings.model_fields_set == SETTINGS.model_fields_set
    assert [key.get_secret_value() for key in begin.settings.secrets.newest_first] == [bytes(range(32))]
    for end in (one, other):
        await end.close()


def test_no_message_shows_a_secret() -> None:
    assert KEY not in repr(Begin(SETTINGS))
    assert "**" not in repr(Begin(SETTINGS))


async def test_half_a_message_is_the_end() -> None:
    one, other = socket.socketpair()
    channel = await Channel.over(other)
    with one:
        one.send(b"\0\0\0\x09half")
    assert await channel.receive() is None
    await channel.close()
