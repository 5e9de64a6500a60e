"""Second factors in the Gigya form, whole sequences over HTTP: each provider and mode, good and bad.

One installation serves the whole table; every row has people of its own.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from mfa_gateway.core.tickets import TicketKind
from tests.e2e.second_factors import (
    BAD_JWT,
    GIGYA_ASSERTION,
    GOOD,
    NO_MORE_TRIES,
    PROVIDER_ASSERTION,
    WRONG,
    WRONG_CODE,
    Shop,
    error,
    furnished,
    somebody,
)

pytestmark = [pytest.mark.processes, pytest.mark.asyncio(loop_scope="module")]

# Provider, mode, the factors that the account has, and the provider that is shown first where it has to be.
SEQUENCES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("gigyaEmail", "verify", ("email",), ""),
    ("gigyaEmail", "register", (), ""),
    ("gigyaEmail", "add", ("totp",), "gigyaTotp"),
    ("gigyaEmail", "edit", ("email",), "gigyaEmail"),
    ("gigyaPhone", "verify", ("sms",), ""),
    ("gigyaPhone", "register", (), ""),
    ("gigyaPhone", "add", ("sms",), "gigyaPhone"),
    ("gigyaPhone", "edit", ("sms",), "gigyaPhone"),
    ("gigyaTotp", "verify", ("totp",), ""),
    ("gigyaTotp", "register", (), ""),
    ("gigyaTotp", "add", ("email",), "gigyaEmail"),
    ("gigyaTotp", "edit", ("totp",), "gigyaTotp"),
    # A device opts in with a session, beside a login: see test_tfa_push.
    ("gigyaPush", "verify", ("push",), ""),
)
SEQUENCE = pytest.mark.parametrize(
    ("provider", "mode", "factors", "first"), SEQUENCES, ids=[f"{one[0]}-{one[1]}" for one in SEQUENCES]
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with furnished() as made:
        yield made


# --- The table --------------------------------------------------------------------------------


@SEQUENCE
async def test_right(shop: Shop, provider: str, mode: str, factors: tuple[str, ...], first: str) -> None:
    one = await somebody(shop, *factors, first=first)
    if not first:
        assert (await one.enter())["errorCode"] in (403101, 403102)
    await one.show(provider, mode)
    active = (await one.ask("getProviders", regToken=one.ticket))["activeProviders"]
    assert provider in {told["name"] for told in active}
    entered = await one.enter()
    assert error(entered) == GOOD, shop.log
    # What was shown in the login counts in its session: the gate asks for nothing.
    for path in ("/orders/1", "/shared/1"):
        opened = await shop.call("GET", path, token=entered["id_token"])
        assert opened.status_code == 200, f"{path} {opened.text} {shop.log[-1500:]}"


@SEQUENCE
async def test_wrong_once(shop: Shop, provider: str, mode: str, factors: tuple[str, ...], first: str) -> None:
    one = await somebody(shop, *factors, first=first)
    assertion = await one.assertion(provider, mode)
    shown = await one.send(provider, mode, assertion)
    assert error(await one.complete(shown, assertion, WRONG)) == WRONG_CODE
    assert error(await one.complete(shown, assertion)) == GOOD


@SEQUENCE
async def test_wrong_too_often(shop: Shop, provider: str, mode: str, factors: tuple[str, ...], first: str) -> None:
    one = await somebody(shop, *factors, first=first)
    assertion = await one.assertion(provider, mode)
    shown = await one.send(provider, mode, assertion)
    # Whoever showed a factor in this login has three tries of their own beside the account's three.
    answers = [error(await one.complete(shown, assertion, WRONG)) for _ in range(9)]
    assert answers[:3] == [WRONG_CODE] * 3
    assert answers[-1] == NO_MORE_TRIES
    assert error(await one.complete(shown, assertion)) == NO_MORE_TRIES
    assert error(await one.finalize(assertion, assertion)) == BAD_JWT


@SEQUENCE
async def test_expired(shop: Shop, provider: str, mode: str, factors: tuple[str, ...], first: str) -> None:
    one = await somebody(shop, *factors, first=first)
    assertion = await one.assertion(provider, mode)
    shown = await one.send(provider, mode, assertion)
    aged = await shop.aged(assertion, GIGYA_ASSERTION)
    assert error(await one.complete(shown, aged)) == BAD_JWT
    for name, kind in (("phvToken", TicketKind.PROVIDER), ("sctToken", TicketKind.SECRET)):
        if name in shown.beside:
            old = {**shown.parameters(assertion), name: shop.old(shown.beside[name], kind, 600_000)}
            assert error(await one.ask(shown.method, **old)) == (400006, f"Invalid parameter value : {name}")
    answer = (await one.complete(shown, assertion))["providerAssertion"]
    assert error(await one.finalize(aged, answer)) == BAD_JWT
    assert error(await one.finalize(assertion, await shop.aged(answer, PROVIDER_ASSERTION))) == BAD_JWT
    assert error(await one.finalize(assertion, answer)) == GOOD


@SEQUENCE
async def test_replayed(shop: Shop, provider: str, mode: str, factors: tuple[str, ...], first: str) -> None:
    one = await somebody(shop, *factors, first=first)
    assertion = await one.assertion(provider, mode)
    shown = await one.send(provider, mode, assertion)
    answer = (await one.complete(shown, assertion))["providerAssertion"]
    code, details = error(await one.complete(shown, assertion))
    assert code == 400006
    assert details == "Wrong verification code" or details.startswith("Invalid parameter value : ")
    assert error(await one.finalize(assertion, answer)) == GOOD
    assert error(await one.finalize(assertion, answer)) == BAD_JWT
    assert error(await one.enter()) == GOOD
    assert error(await one.enter()) == (400006, "Invalid parameter value : regToken")


@SEQUENCE
async def test_somebody_elses(shop: Shop, provider: str, mode: str, factors: tuple[str, ...], first: str) -> None:
    one = await somebody(shop, *factors, first=first)
    other = await somebody(shop, *factors, first=first)
    assertion, theirs = await one.assertion(provider, mode), await other.assertion(provider, mode)
    shown, their_shown = await one.send(provider, mode, assertion), await other.send(provider, mode, theirs)
    # Their assertion in the hands of one: another device, another account.
    assert error(await one.complete(shown, theirs)) == BAD_JWT
    for name in shown.beside.keys() - {"name"}:
        assert error(await one.complete(their_shown, assertion)) == (400006, f"Invalid parameter value : {name}")
    if shown.code != their_shown.code:
        assert error(await one.complete(shown, assertion, their_shown.code)) == WRONG_CODE
    answer = (await one.complete(shown, assertion))["providerAssertion"]
    their_answer = (await other.complete(their_shown, theirs))["providerAssertion"]
    assert error(await one.finalize(assertion, their_answer)) == BAD_JWT
    assert error(await one.finalize(theirs, their_answer, gmid=other.one.device, regToken=other.ticket)) == GOOD
    assert error(await other.finalize(assertion, answer)) == BAD_JWT
    assert error(await one.finalize(assertion, answer, regToken=other.ticket, gmid=other.one.device)) == BAD_JWT
    assert error(await one.finalize(assertion, answer)) == GOOD


@SEQUENCE
async def test_another_providers(shop: Shop, provider: str, mode: str, factors: tuple[str, ...], first: str) -> None:
    one = await somebody(shop, *factors, first=first)
    assertion = await one.assertion(provider, mode)
    shown = await one.send(provider, mode, assertion)
    for method, beside in (
        ("email.getEmails", {}),
        ("email.completeVerification", {"phvToken": "x", "code": WRONG}),
        ("phone.getRegisteredPhoneNumbers", {}),
        ("phone.completeVerification", {"phvToken": "x", "code": WRONG}),
        ("totp.getRegistered", {}),
        ("totp.verify", {"code": WRONG}),
        ("backupcodes.verify", {"code": "ABCDEFGHIJ"}),
        ("push.sendVerification", {}),
        ("push.isVerified", {}),
        ("push.verify", {"verificationToken": WRONG}),
    ):
        is_own = method.startswith(shown.method.partition(".")[0])
        is_paper = provider == "gigyaTotp" and method.startswith("backupcodes")
        if not is_own and not is_paper:
            assert error(await one.ask(method, gigyaAssertion=assertion, **beside)) == BAD_JWT
    # An answer to another assertion of the same login is none to this one.
    again = await one.assertion(provider, mode)
    if shown.beside:
        assert error(await one.complete(shown, again)) == BAD_JWT
    elif provider == "gigyaPush":
        assert error(await one.complete(shown, again)) == WRONG_CODE
    answer = (await one.complete(shown, assertion))["providerAssertion"]
    assert error(await one.finalize(again, answer)) == BAD_JWT
    assert error(await one.finalize(assertion, answer)) == GOOD
