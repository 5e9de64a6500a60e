"""Names: how somebody is called, as a subject that never changes and as the login ids that a person types.

What stays out: whose they are.
"""

from typing import Final, TypeGuard
from unicodedata import category, normalize

# OpenID Connect Core section 2: `sub` has at most 255 characters. Login ids are mail addresses at their longest (254).
MAX_NAME: Final = 255
# Control characters, lone surrogates, line and paragraph separators: nothing that a log or a key should meet.
_UNFIT: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


def is_subject(value: object) -> TypeGuard[str]:
    """Whether a value can be the subject of an account: 1 to `MAX_NAME` characters, none of them invisible control."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME:
        return False
    return not any(category(char) in _UNFIT for char in value)


def canonical_login(value: object) -> str | None:
    """The one form of a login id, or None for what is none.

    Case, width and surrounding blanks make no difference (Unicode section 3.13, identifier caseless matching): two
    people whose names a keyboard could mix up must not both be in one realm.
    """
    if not is_subject(value):
        return None
    folded = normalize("NFKC", normalize("NFKC", value).casefold()).strip()
    return folded if is_subject(folded) else None
