"""A house in which people stay: devices that are known, logins that go on, sessions that end, profiles that change."""

from dataclasses import dataclass, field, replace
from typing import Any

from mfa_gateway.core.account import AccountId, Factor, FactorState, Standing
from mfa_gateway.core.ceremony import CloseWindow
from mfa_gateway.core.entrance import Command, Errand, words
from mfa_gateway.core.entrance.access_words import EndSessions, WasUsed
from mfa_gateway.core.entrance.second_words import BeginPassage, CarryProofs, KnowsDevice, Passage, Recognition
from mfa_gateway.core.entrance.visitors import Credential, Nothing, SessionShown, Vouched
from mfa_gateway.core.entrance.words import Claim, Use
from mfa_gateway.core.site import Site
from tests.core.entrance.house import ADA, NOW, SITE, House, session

SERVER = Vouched("key")
OWNER = SessionShown("her token")
ENROLLED = Standing(factors={Factor.EMAIL: FactorState.ACTIVE})


@dataclass
class Dwelling(House):
    """What there is, and what was asked for."""

    devices: set[tuple[str, str]] = field(default_factory=set)
    passage: Passage | None = field(default_factory=lambda: Passage(0))
    begun: list[BeginPassage] = field(default_factory=list)
    carried: list[CarryProofs] = field(default_factory=list)
    ended: list[AccountId] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    opened: list[words.OpenSession] = field(default_factory=list)
    forgets_uses: bool = False
    """Whoever looks sees none, as if somebody else were faster after that."""
    profile_claims: list[Claim] = field(default_factory=list)

    def _OnBehalf(self, need: words.OnBehalf) -> Any:  # noqa: N802 - named like the need
        if isinstance(need.need, CloseWindow):
            self.left.append(f"{need.need.scope} of {need.caller.session}")
            return None
        return super()._OnBehalf(need)

    def _KnowsDevice(self, need: KnowsDevice) -> Recognition:  # noqa: N802
        return Recognition.KNOWN if (need.site, need.device) in self.devices else Recognition.UNKNOWN

    def _BeginPassage(self, need: BeginPassage) -> Passage | None:  # noqa: N802
        self.begun.append(need)
        return self.passage

    def _CarryProofs(self, need: CarryProofs) -> None:  # noqa: N802
        self.carried.append(need)

    def _CloseSession(self, need: words.CloseSession) -> None:  # noqa: N802
        self.left.append(f"session {need.session.id}")

    def _OpenSession(self, need: words.OpenSession) -> Any:  # noqa: N802
        self.opened.append(need)
        return super()._OpenSession(need)

    def _WasUsed(self, need: WasUsed) -> Use:  # noqa: N802
        return Use.FIRST if self.forgets_uses else super()._WasUsed(need)

    def _EndSessions(self, need: EndSessions) -> None:  # noqa: N802
        self.ended.append(need.account)

    def _SetProfile(self, need: words.SetProfile) -> Claim:  # noqa: N802
        claim = self.profile_claims.pop() if self.profile_claims else Claim.MADE
        if claim is Claim.MADE:
            account = need.portrait.account
            self.accounts[account.subject] = replace(need.portrait, profile=need.profile)
        return claim

    def _DrawId(self, _: words.DrawId) -> str:  # noqa: N802
        return f"{self.trips.count('DrawId'):032x}"

    def _AskKeys(self, _: words.AskKeys) -> Any:  # noqa: N802
        return ({"kty": "RSA", "kid": "k1"},)


def furnished(**more: Any) -> Dwelling:
    """A house that Ada lives in: she has a password, and a session."""
    house = Dwelling(passwords={("ada@x.test", "right"): ADA}, sessions={"her token": session(**more)})
    house.known()
    return house


def errand(command: Command, credential: Credential | None = None, site: Site = SITE, **more: Any) -> Errand:
    return Errand(command, site, NOW, credential=credential or Nothing(), client="192.0.2.1", **more)
