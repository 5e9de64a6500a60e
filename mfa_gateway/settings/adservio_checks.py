"""What must hold between the keys of `dialects.adservio`: an area of its own, a realm, and a name to sign tokens in.

What stays out: what a single value may be (access), and upstreams in its area (upstreams).
"""

from collections.abc import Iterator

from mfa_gateway.settings.decoding import Draft
from mfa_gateway.settings.problems import Place, Problem, place_text, problem_at
from mfa_gateway.settings.upstreams import adservio_area

_HERE: Place = ("dialects", "adservio")


def adservio_problems(draft: Draft) -> Iterator[Problem]:
    """Everything that is wrong between the keys of this form, where it is on."""
    adservio = draft.settings.dialects.adservio
    if not adservio.enabled:
        return
    if draft.is_whole(*_HERE):
        yield from _area(draft)
        if adservio.realm is None:
            yield problem_at((*_HERE, "realm"), "must be written: whose accounts log in by this form?")
    yield from _issuer(draft)


def _area(draft: Draft) -> Iterator[Problem]:
    dialects = draft.settings.dialects
    adservio = dialects.adservio
    if not adservio.prefix and not adservio.hosts:
        yield problem_at(_HERE, "needs hosts or a prefix of its own, as in prefix: /api/v2")
        return
    for name in sorted(dialects.enabled() - {"adservio"}):
        other = getattr(dialects, name)
        hosts_meet = not adservio.hosts or not other.hosts or bool({*adservio.hosts} & {*other.hosts})
        if hosts_meet and f"{other.prefix}/".startswith(adservio_area(dialects)):
            yield problem_at(
                ("dialects", name),
                "is in the area of dialects.adservio, which answers everything there: choose another",
            )


def _issuer(draft: Draft) -> Iterator[Problem]:
    """Tokens of this form are signed in the name of `public_url`, and no other issuer may have that name."""
    own = str(draft.settings.public_url).rstrip("/")
    for index, bearer in enumerate(draft.settings.identity.bearer):
        place = ("identity", "bearer", index)
        if draft.is_whole(*place) and bearer.issuer == own:
            hint = f"is public_url, in whose name {place_text(_HERE)} signs tokens: nobody could tell them apart"
            yield problem_at((*place, "issuer"), hint)
