"""What must hold between the keys of `dialects.gigya`: an area of its own, sites that can be told apart, usable keys.

What stays out: what a single value may be (gigya), and upstreams in its area (upstreams).
"""

from collections.abc import Iterator
from typing import Final

from mfa_gateway.settings.access import GigyaDialect
from mfa_gateway.settings.decoding import Draft
from mfa_gateway.settings.gigya import GigyaSite
from mfa_gateway.settings.problems import Place, Problem, place_text, problem_at

_PUSH: Final = "gigyaPush"
_HERE: Place = ("dialects", "gigya")


def gigya_problems(draft: Draft) -> Iterator[Problem]:
    """Everything that is wrong between the keys of this form, where it is on."""
    gigya = draft.settings.dialects.gigya
    if not gigya.enabled:
        return
    if draft.is_whole(*_HERE):
        yield from _area(gigya, draft)
    if not gigya.sites and draft.is_whole(*_HERE, "sites"):
        yield problem_at((*_HERE, "sites"), "names no site, so every call would be refused: write one with its api_key")
    yield from _sites(gigya, draft)


def _area(gigya: GigyaDialect, draft: Draft) -> Iterator[Problem]:
    if not gigya.prefix and not gigya.hosts:
        yield problem_at(_HERE, "needs hosts or a prefix of its own, as in hosts: [accounts.example.com]")
        return
    dialects = draft.settings.dialects
    for name in sorted(dialects.enabled() - {"gigya"}):
        other = getattr(dialects, name)
        named = bool({*gigya.hosts} & {*other.hosts})
        hosts_meet = named or not gigya.hosts or (not other.hosts and bool(gigya.prefix))
        is_inside = f"{other.prefix}/".startswith(f"{gigya.prefix}/")
        if hosts_meet and is_inside and (named or gigya.prefix):
            yield problem_at(
                ("dialects", name), "is in the area of dialects.gigya, which answers everything there: choose another"
            )


def _sites(gigya: GigyaDialect, draft: Draft) -> Iterator[Problem]:
    seen: dict[str, Place] = {}
    for index, site in enumerate(gigya.sites):
        place = (*_HERE, "sites", index)
        if not draft.is_whole(*place):
            continue
        if site.api_key in seen:
            first = place_text(seen[site.api_key])
            yield problem_at((*place, "api_key"), f"is also that of {first}: a key stands for one site")
        seen.setdefault(site.api_key, place)
        yield from _keys(site, place)
        yield from _pushes(site, draft, place)
        if site.legacy_assertions and not gigya.base_url:
            what = "needs dialects.gigya.base_url: these assertions name the address of their certificate"
            yield problem_at((*place, "legacy_assertions"), what)
        if site.return_code and site.secret_file is None and not site.user_keys:
            yield problem_at((*place, "return_code"), "is for servers of the site: write user_keys or secret_file")


def _pushes(site: GigyaSite, draft: Draft, place: Place) -> Iterator[Problem]:
    """A device is asked through a sender of its own, and opts in with a session, which others have to be good for."""
    if _PUSH not in site.tfa.providers:
        return
    here: Place = (*place, "tfa", "providers", site.tfa.providers.index(_PUSH))
    if not draft.settings.factors.push.enabled and draft.is_whole("factors", "push"):
        yield problem_at(here, f"{_PUSH} needs factors.push.enabled: true, and senders.push to reach devices by")
    if site.tfa.require == "always" and set(site.tfa.providers) == {_PUSH}:
        what = "a device opts in with a session, and nobody gets one without a provider: list another one, too"
        yield problem_at((*place, "tfa", "providers"), what)


def _keys(site: GigyaSite, place: Place) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, key in enumerate(site.user_keys):
        here = (*place, "user_keys", index)
        if key.key in seen:
            yield problem_at((*here, "key"), f"'{key.key}' is there twice: keys of a site have names of their own")
        seen.add(key.key)
        if key.secret_file is None and key.public_key_file is None:
            yield problem_at(here, "needs secret_file, or public_key_file where its server signs tokens")
