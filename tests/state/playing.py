"""Whole ceremonies on a real store: a clerk, a mailbox that anybody can be given, and a store that can fail midway."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

from mfa_gateway.core.account import AccountId, Caller, Factor, Inventory, Person, Standing
from mfa_gateway.core.call import Call, CanonicalPath, canonical_path
from mfa_gateway.core.ceremony import Action, Command, Outcome
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.gate import Terms, weigh
from mfa_gateway.core.otp import TOTP_DEFAULT, code_text, read_secret, totp_step
from mfa_gateway.core.pattern import Pattern, read_pattern
from mfa_gateway.core.policy import Access, Requirement, Rule
from mfa_gateway.core.proof import Receipt, Redemption, Scope
from mfa_gateway.engine.clerk import Clerk
from mfa_gateway.engine.dispatch import Dispatcher, DispatchTerms
from mfa_gateway.engine.herald import Herald
from mfa_gateway.state import Store
from mfa_gateway.state.authenticator import totp_candidates
from tests.engine.fakes import Lines, Outbox
from tests.state.world import World

T = TypeVar("T")

ACCOUNT = AccountId("shop", "ada")
MAILBOX = "ada@example.test"
LIFE_MS = 600_000


def _path() -> CanonicalPath:
    reading = canonical_path(b"/protected")
    assert isinstance(reading, CanonicalPath)
    return reading


def _rule() -> Rule:
    pattern = read_pattern("/protected")
    assert isinstance(pattern, Pattern)
    return Rule("protected", (pattern,), Requirement(Access.MFA, grace_ms=1_800_000, scope=Scope.ACCOUNT))


CALL = Call("POST", _path())
RULE = _rule()


class Reached:
    """A directory that knows everybody's mailbox."""

    async def look_up(self, caller: Caller) -> Person | None:  # noqa: ARG002 - the signature of the port
        return Person(email=MAILBOX)


class Flaky:
    """A store whose worker dies at the n-th step from now, before the step or after it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.receipts: list[tuple[Redemption, Receipt]] = []
        self.dies_in: int | None = None
        self.dies_after = False

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._store, name)
        return self._stepping(asked) if asyncio.iscoroutinefunction(asked) else asked

    def _stepping(self, asked: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def step(*args: Any, **more: Any) -> Any:
            dies = self.dies_in == 0
            if self.dies_in is not None:
                self.dies_in -= 1
            if dies and not self.dies_after:
                raise StoreUnavailable("the worker died before this step")
            answer = await asked(*args, **more)
            if args and isinstance(args[0], Redemption):
                self.receipts.append((args[0], answer))
            if dies:
                raise StoreUnavailable("the worker died after this step")
            return answer

        return step


@dataclass
class Stage:
    """A clerk over a store, on which ceremonies are played one after the other."""

    world: World
    store: Store
    terms: Terms = field(default_factory=Terms)
    outbox: Outbox = field(default_factory=Outbox)
    digits: int = 6

    def __post_init__(self) -> None:
        numbers = count(100_000, 7)
        lines = Lines()
        self.flaky = Flaky(self.store)
        port: Any = self.flaky
        directory = Reached()
        dispatcher = Dispatcher(
            terms=DispatchTerms(digits=self.digits, life_ms=LIFE_MS, resend_after_ms=0),
            draw=lambda digits: code_text(next(numbers) % 10**digits, digits),
            store=port,
            sender=self.outbox,
            journal=lines.journal,
        )
        self._clerk = Clerk(
            terms=self.terms,
            store=port,
            directory=directory,
            dispatcher=dispatcher,
            journal=lines.journal,
            herald=Herald(store=port, directory=directory, teller=self.outbox, journal=lines.journal),
        )

    async def carry_out(self, action: Action, caller: Caller, **fields: Any) -> Outcome:
        """Play one ceremony."""
        return await self._clerk.carry_out(Command(action, caller, **fields), CALL)

    async def present(self, code: str, caller: Caller) -> Receipt | None:
        """Present a code at the gate; None where it did not come to a redemption."""
        port: Any = self.flaky
        try:
            standing = await self.standing()
            step = weigh(RULE, caller, standing, code=code, terms=self.terms)
            return await port.redeem(step, standing) if isinstance(step, Redemption) else None
        except StoreUnavailable:
            return None

    async def standing(self) -> Standing:
        """What the store knows, asked beside the flaky one."""
        return await self.store.recall(ACCOUNT, scope=Scope.ACCOUNT, session="")

    async def inventory(self) -> Inventory:
        """What the account has, asked beside the flaky one."""
        return await self.store.inventory(ACCOUNT)

    async def shown(self, secret: str | bytes) -> str:
        """What an authenticator shows now, by the store's clock."""
        raw = read_secret(secret) if isinstance(secret, str) else secret
        now_ms = (await self.standing()).now_ms
        return dict(totp_candidates(raw, now_ms))[totp_step(now_ms, TOTP_DEFAULT)]

    def mails(self) -> list[str]:
        """The codes in the mailbox, oldest first."""
        return [message.code for message in self.outbox.messages if re.fullmatch(MAILBOX, message.address)]


def caller(session: str, **claims: object) -> Caller:
    """Somebody with a token of the account."""
    return Caller(ACCOUNT, session=session, token=f"token of {session}", claims=claims)


class Loop:
    """Runs what has to wait, from code that cannot."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def __call__(self, asked: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(asked)

    def close(self) -> None:
        self._runner.close()


FACTOR_NAMES = [factor.value for factor in Factor]
