"""Sessions: those that the gateway opens itself, for dialects that log people in.

What stays out: how they are kept (state), what is signed in their name (identity), and which of them a dialect opens.
"""

from dataclasses import dataclass, field

from mfa_gateway.core.account import AccountId


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it is now.

    Attributes:
        id: names it wherever its token is not told: lower-case hexadecimal, the `sid` of every token in its name, and
            `Caller.session` of whoever brings one.
        account: whose session it is.
        site: who opened it: an API key, or the name of a dialect.
        device: the device that it was opened on; "" where there is none.
        age_ms: how long ago it was opened, in milliseconds by the store's clock.
        left_ms: how long it still lasts, in milliseconds; None: until it is closed.
        secret: what a client signs with that has no other secret. 32 random bytes.
        brief_ms: how old it gets by itself, where a server of its site has to say each time that it goes on after that;
            None where it needs no such word.
    """

    id: str
    account: AccountId
    site: str
    device: str = field(repr=False)
    age_ms: int
    left_ms: int | None
    secret: bytes = field(repr=False)
    brief_ms: int | None = None

    @property
    def is_on_its_own(self) -> bool:
        """Whether it is open without anybody's word."""
        return self.brief_ms is None or self.age_ms < self.brief_ms


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session at the moment when it is opened: the only time that its token is told.

    `token` is opaque and cannot be guessed; of it, only a digest is kept.
    """

    session: Session
    token: str = field(repr=False)
