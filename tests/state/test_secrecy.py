"""A dump of the store shows no code, secret, address, name or token, nor an unkeyed hash of one."""

import base64
import hashlib
from collections.abc import Iterator

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.ceremony import Change
from mfa_gateway.core.otp import TotpProfile
from mfa_gateway.core.proof import Purpose, Redeemed, Scope
from mfa_gateway.core.push import Summons, new_token
from mfa_gateway.core.quota import Conversion, Quota, QuotaKind, Window
from mfa_gateway.core.session import OpenedSession
from mfa_gateway.state import AccountRecord
from tests.state.world import GRACE_MS, KEY, Guest, World

REALM, SUBJECT = "the-realm-of-ada", "subject-of-ada@login.example.test"
ADDRESS, PHONE = "ada.lovelace@example.test", "+491709876543"
SESSION, TOKEN = "session-of-ada", "token-of-ada"
SECRET = b"a-totp-secret-of-ada"
CODES = ("271828", "314159", "161803")
CLIENT = "203.0.113.77"
SITE, DEVICE = "3_the-site-of-ada", "gmid-of-the-telephone-of-ada"
WORK, NAME = "countess@work.example.test", "Adas-little-telephone"
PENDING_SECRET = b"another-secret-of-ada"
BACKUP = ("KLMNOPQRST", "UVWXYZ2345")
PUSHED_TO = "android:name-that-a-push-service-gave-to-a-telephone-of-ada"
SUMMONS = Summons("the.assertion.of-ada", "id-of-an-assertion-of-ada")
PUSHED = new_token(Purpose.ACTIVATE, b"thirty-two-random-bytes-for-ada!")


async def play(ada: Guest) -> None:
    """Everything that keeps something: records, enrolment, codes, proofs, attempts, quotas."""
    await ada.store.put_record(
        ada.account,
        AccountRecord(ADDRESS, email_verified=True, phone=PHONE),
        factors={Factor.TOTP: SECRET, Factor.SMS: PHONE},
    )
    await ada.pend(address=ADDRESS)
    await ada.store.reserve(ada.account, factor=Factor.EMAIL, purpose=Purpose.ACTIVATE, quiet_ms=GRACE_MS)
    await ada.issue(CODES[0], purpose=Purpose.ACTIVATE)
    assert await ada.activate(CODES[0]) == Redeemed(Factor.EMAIL)
    await ada.issue(CODES[1])
    assert await ada.present(CODES[1]) == Redeemed(Factor.EMAIL)
    assert await ada.again(scope=Scope.ACCOUNT).present("999999") is not None
    await ada.issue(CODES[2], factor=Factor.SMS)
    await ada.store.attach(ada.account, Factor.EMAIL, WORK, name=NAME)
    epoch = (await ada.standing()).epoch
    await ada.store.enrol_secret(
        ada.account, secret=PENDING_SECRET, profile=TotpProfile(digits=8), epoch=epoch, name=NAME
    )
    await ada.store.print_backup(ada.account, codes=BACKUP, level=30, epoch=epoch)
    assert await ada.present(BACKUP[0]) == Redeemed(Factor.BACKUP)
    assert await ada.pend(Factor.PUSH, PUSHED_TO) is Change.MADE
    await ada.issue(SUMMONS.kept(PUSHED), factor=Factor.PUSH, purpose=Purpose.ACTIVATE)
    await ada.store.remember_login(ada.account, session=ada.session)
    subjects = ((ada.account.realm, ada.account.subject), (ADDRESS,), (PHONE,), (CLIENT,), ())
    conversion = Conversion(window_ms=60_000, least_sent=5, least_rate=0.5, stop_ms=60_000)
    await ada.store.expect(ada.account, purpose=Purpose.GATE, country="DE", conversion=conversion, life_ms=60_000)
    await ada.store.spend([Quota(kind, (Window(5, 60_000),), who) for kind in QuotaKind for who in subjects])
    await ada.store.devices.remember_device(ada.account, site=SITE, device=DEVICE, life_ms=GRACE_MS, epoch=epoch)
    await ada.store.passages.begin_passage(ada.account, name=SESSION, epoch=epoch, life_ms=GRACE_MS)
    for life_ms in (GRACE_MS, None):
        await open_session(ada, life_ms)


async def open_session(ada: Guest, life_ms: int | None) -> OpenedSession:
    epoch = (await ada.standing()).epoch
    opened = await ada.store.open_session(ada.account, site=SITE, device=DEVICE, life_ms=life_ms, epoch=epoch)
    assert isinstance(opened, OpenedSession)
    return opened


async def dump(world: World) -> bytes:
    """Every key and every value there is."""
    found = []
    for key in await world.ask("KEYS", "*"):
        found.append(key)
        match await world.ask("TYPE", key):
            case b"string":
                found.append(await world.ask("GET", key))
            case b"hash":
                found += await world.ask("HGETALL", key)
            case b"list":
                found += await world.ask("LRANGE", key, 0, -1)
            case b"set":
                found += await world.ask("SMEMBERS", key)
            case kind:
                raise AssertionError(f"keys of type {kind!r} were not looked into")
    return b"\n".join(found)


async def raw_dump(world: World) -> bytes:
    """The same as it would lie in a file of the server's: every key as SCAN finds it, every value as DUMP gives it."""
    found, cursor = [], b"0"
    while True:
        cursor, keys = await world.ask("SCAN", cursor, "COUNT", 100)
        for key in keys:
            found += [key, await world.ask("DUMP", key)]
        if cursor == b"0":
            return b"\n".join(found)


def disguises(secret: bytes) -> Iterator[bytes]:
    """The forms in which a secret could lie in a dump."""
    for form in (secret, *(hashlib.new(name, secret).digest() for name in ("md5", "sha1", "sha256"))):
        yield form
        yield form.hex().encode()
        yield form.hex().upper().encode()
        yield base64.b64encode(form).rstrip(b"=")
        yield base64.urlsafe_b64encode(form).rstrip(b"=")
        yield base64.b32encode(form).rstrip(b"=")


async def test_a_dump_shows_nothing_of_anybody(ada: Guest, world: World) -> None:
    ada = ada.again(account=AccountId(REALM, SUBJECT), session=SESSION, token=TOKEN, scope=Scope.SESSION)
    await play(ada)
    seen = b"\n".join((await dump(world), await raw_dump(world)))
    assert seen.count(b"}:") > 15
    for secret in (
        REALM,
        SUBJECT,
        ADDRESS,
        PHONE,
        SESSION,
        TOKEN,
        CLIENT,
        WORK,
        NAME,
        *CODES,
        *BACKUP,
        *(PUSHED_TO, PUSHED_TO.partition(":")[2], PUSHED, PUSHED.partition(".")[2], SUMMONS.kept(PUSHED)),
        *(SUMMONS.assertion, SUMMONS.jti),
        "lovelace",
        f"{REALM}:{SUBJECT}",
    ):
        assert not [form for form in disguises(secret.encode()) if form in seen], secret
    for raw in (SECRET, PENDING_SECRET, KEY):
        assert not [form for form in disguises(raw) if form in seen]


async def test_a_dump_shows_nothing_of_a_session_that_the_gateway_opened(ada: Guest, world: World) -> None:
    ada = ada.again(account=AccountId(REALM, SUBJECT))
    opened = await open_session(ada, GRACE_MS)
    seen = b"\n".join((await dump(world), await raw_dump(world)))
    assert seen.count(b"}:opened:") > 1
    token = base64.urlsafe_b64decode(opened.token)
    id_of_its_own = opened.session.id[-32:]
    texts = (REALM, SUBJECT, SITE, DEVICE, opened.token, opened.session.id, id_of_its_own, opened.session.secret.hex())
    for secret in (*map(str.encode, texts), opened.session.secret, token, token[-33:]):
        assert not [form for form in disguises(secret) if form in seen], secret


async def test_nothing_secret_is_in_a_repr_of_a_session(ada: Guest) -> None:
    opened = await open_session(ada, None)
    assert opened.token not in repr(opened)
    assert repr(opened.session.secret) not in repr(opened)


async def test_everything_that_can_become_old_goes_away_by_itself(ada: Guest, world: World) -> None:
    await play(ada)
    for key in await world.ask("KEYS", "mfa:*{*"):
        expires = await world.ask("PTTL", key) > 0
        assert expires != key.endswith((b"}:account", b"}:backup")), key


async def test_nothing_secret_is_in_a_repr_of_the_store(ada: Guest) -> None:
    standing = await ada.enrol(value=ADDRESS)
    redemption = ada.redemption("271828", standing)
    names = ada.store._foundation.names_now()
    shown = " ".join(map(repr, (ada.store, ada.store._foundation, ada.store._vault, names, standing, redemption)))
    for secret in (ADDRESS, "271828", KEY.hex(), "\\x00\\x01\\x02\\x03"):
        assert secret not in shown
