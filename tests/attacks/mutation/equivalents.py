"""Mutants made by rule that are the same program: no test can tell them, and each says why.

They are left out of what is tried, counted by themselves, and told whenever mutants are tried. One that is not to be
found any more is a fault. What stays out: everything that a test could notice.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A line of a file as it is, and as the mutant has it, without what is before and after it."""

    path: str
    was: str
    becomes: str
    why: str


_LUA: Final = "mfa_gateway/state/lua"
_PAST: Final = "a ban or stop that is over since 1970 is over, whether for a millisecond less or not"
_COUNTED: Final = "windows and numbers are 1 at least where they are not none, so the largest of them is, too"
_SLASHES: Final = "the first slash is at the beginning, and no second one is behind any that a prefix is taken off at"
_ORDER: Final = "nothing but the order of these numbers is looked at"

EQUIVALENTS: Final[tuple[Equivalent, ...]] = (
    *(
        Equivalent(f"{_LUA}/{name}", line, line.replace(" or 0", " or 1"), _PAST)
        for name, line in (
            ("parts/bans.lua", "return tonumber(redis.call('HGET', bans, 'until') or 0)"),
            ("parts/bans.lua", "return tonumber(redis.call('HGET', bans, 'short') or 0)"),
            ("redeem.lua", "return is_short and short_banned_until(KEYS[7]) or 0"),
            ("attempt.lua", "local left = tonumber(redis.call('HGET', KEYS[2], 'until') or 0) - now"),
            ("settle.lua", "local left = math.max(ban, tonumber(redis.call('HGET', KEYS[2], 'until') or 0) - now)"),
            ("unlock.lua", "if tonumber(redis.call('HGET', KEYS[i + 1], moment) or 0) > now then"),
            ("expect.lua", "local stopped_until = tonumber(redis.call('HGET', KEYS[1], country .. ':until') or 0)"),
            ("stopped.lua", "local stopped_until = tonumber(redis.call('HGET', KEYS[1], ARGV[1] .. ':until') or 0)"),
        )
    ),
    *(
        Equivalent(f"{_LUA}/throttle.lua", "local left, longest, most = 0, 0, 0", becomes, _COUNTED)
        for becomes in ("local left, longest, most = 0, 1, 0", "local left, longest, most = 0, 0, 1")
    ),
    Equivalent(
        "mfa_gateway/core/policy.py",
        "_STRICTNESS: Final = {Access.OPEN: 0, Access.MFA: 1, Access.DENY: 2}",
        "_STRICTNESS: Final = {Access.OPEN: 0, Access.MFA: 1, Access.DENY: 3}",
        _ORDER,
    ),
    Equivalent(
        "mfa_gateway/core/strictest.py",
        "_ENDS: Final = {OnSuccess.NONE: 0, OnSuccess.CLOSE_WINDOW: 1, OnSuccess.REVOKE: 2}",
        "_ENDS: Final = {OnSuccess.NONE: 0, OnSuccess.CLOSE_WINDOW: 1, OnSuccess.REVOKE: 3}",
        _ORDER,
    ),
    *(
        Equivalent("mfa_gateway/core/routing.py", was, becomes, _SLASHES)
        for was, becomes in (
            ("if at < 0:", "if at <= 0:"),
            ("if at < 0:", "if at < 1:"),
            ("at = 0", "at = 1"),
            ('at = path.wire.find(b"/", at + 1)', 'at = path.wire.find(b"/", at + 2)'),
        )
    ),
    Equivalent(
        "mfa_gateway/core/otp.py",
        "return hashlib.new(self.value, usedforsecurity=False).digest_size",
        "return hashlib.new(self.value, usedforsecurity=True).digest_size",
        "how long a digest is does not depend on what it is for",
    ),
    Equivalent(
        "mfa_gateway/core/ceremony/factors.py",
        "order = {FactorState.ACTIVE: 0, FactorState.PENDING: 1, FactorState.OFF: 2}",
        "order = {FactorState.ACTIVE: 0, FactorState.PENDING: 1, FactorState.OFF: 3}",
        _ORDER,
    ),
)
