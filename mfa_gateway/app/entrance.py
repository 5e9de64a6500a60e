"""The entrance: sites, the form that they are spoken in, and the porter, put together from settings.

mypy proves here that the rooms fit the ports of the entrance. What stays out: whatever callers with a bearer token need
(translation), and everything that is opened or closed (gateway).
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping

from mfa_gateway.app.delivery import windows_of
from mfa_gateway.app.issuing import Issuing
from mfa_gateway.core.account import Identification
from mfa_gateway.core.call import Call
from mfa_gateway.core.entrance import EntranceTerms
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.site import Newcomers, Site, Tfa, TfaDemand
from mfa_gateway.dialects.adservio import Adservio, ErrorForm
from mfa_gateway.dialects.gigya import Gigya, GigyaSite, UserKey
from mfa_gateway.directory.doorplates import Doorplates
from mfa_gateway.doors.ceremonies import Residence
from mfa_gateway.engine.clerk import Clerk
from mfa_gateway.engine.entrance_ports import Waiting
from mfa_gateway.engine.journal import Journal
from mfa_gateway.engine.porter import Porter, World
from mfa_gateway.engine.ports import Credentials, Numbers, Register
from mfa_gateway.engine.steward import Steward
from mfa_gateway.engine.tally import Tally
from mfa_gateway.settings import Settings, milliseconds
from mfa_gateway.settings import gigya as configured
from mfa_gateway.settings.gigya import read_rsa_key
from mfa_gateway.state.store import Store

# spec/gigya.md section 1.8: whoever verifies tokens of a site knows them by this name.
_ISSUER = "https://fidm.gigya.com/jwt/{api_key}/"


def gigya_of(settings: Settings) -> Gigya:
    """The Gigya form, whether its area is served or not: rules refuse in it."""
    gigya = settings.dialects.gigya
    return Gigya(
        sites=gigya_sites(settings),
        prefix=gigya.prefix,
        base_url=(gigya.base_url or "").rstrip("/"),
        allows_jsonp=gigya.jsonp,
    )


def adservio_of(settings: Settings) -> Adservio:
    """The Adservio form, whether its area is served or not: rules refuse in it."""
    adservio = settings.dialects.adservio
    site = Site(
        "adservio",
        adservio.realm or "",
        issuer=str(settings.public_url).rstrip("/"),
        session_ms=milliseconds(adservio.session),
        tfa=Tfa(remember_ms=milliseconds(adservio.remember_device)),
    )
    return Adservio(site, prefix=adservio.prefix, errors=ErrorForm(adservio.errors))


def residences_of(settings: Settings, gigya: Gigya, adservio: Adservio) -> Iterator[Residence]:
    """The forms that own areas."""
    if settings.dialects.gigya.enabled:
        yield Residence(gigya, frozenset(settings.dialects.gigya.hosts))
    if settings.dialects.adservio.enabled:
        yield Residence(adservio, frozenset(settings.dialects.adservio.hosts))


def gigya_sites(settings: Settings) -> Mapping[str, GigyaSite]:
    """The sites of the Gigya form that is served, by API key."""
    gigya = settings.dialects.gigya
    base_url = (gigya.base_url or "").rstrip("/")
    return {one.api_key: _gigya_site(one, base_url) for one in gigya.sites} if gigya.enabled else {}


def sites_of(settings: Settings) -> tuple[Site, ...]:
    """Every site at which people log in."""
    adservio = (adservio_of(settings).site,) if settings.dialects.adservio.enabled else ()
    return (*(one.site for one in gigya_sites(settings).values()), *adservio)


def _gigya_site(one: configured.GigyaSite, base_url: str) -> GigyaSite:
    return GigyaSite(
        _site(one, base_url),
        secret=None if one.secret_file is None else one.secret_file.content.get_secret_value(),
        user_keys={key.key: _user_key(key) for key in one.user_keys},
    )


def _site(one: configured.GigyaSite, base_url: str) -> Site:
    return Site(
        one.api_key,
        one.realm,
        issuer=_ISSUER.format(api_key=one.api_key),
        code_digits=one.code_length,
        required_fields=one.required_fields,
        newcomers=Newcomers.WELCOME if one.otp_registration else Newcomers.UNHEARD,
        returns_code=one.return_code,
        session_ms=milliseconds(one.session),
        tfa=Tfa(TfaDemand(one.tfa.require), one.tfa.providers, milliseconds(one.tfa.remember_device)),
        legacy_assertions=one.legacy_assertions,
        base_url=base_url,
    )


def _user_key(key: configured.UserKey) -> UserKey:
    secret = None if key.secret_file is None else key.secret_file.content.get_secret_value()
    return UserKey(key.key, secret, None if key.public_key_file is None else read_rsa_key(key.public_key_file))


def signing_key_of(settings: Settings) -> bytes | None:
    """The key to sign with, in PEM, where one is configured."""
    path = settings.dialects.gigya.signing_key_file
    return None if path is None else path.read_bytes()


def entrance_terms(settings: Settings, terms: Terms) -> EntranceTerms:
    """The numbers that hold for everybody who comes in."""
    return EntranceTerms(
        terms,
        calls=windows_of(settings.dialects.gigya.calls_per_address),
        sends=windows_of(settings.rate_limits.send_per_address),
    )


def porter_of(
    *,
    terms: EntranceTerms,
    store: Store,
    issuing: Issuing,
    clerk: Clerk,
    numbers: Numbers,
    credentials: Credentials,
    register: Register | None,
    afterwards: Waiting,
    journal: Journal,
    tally: Tally,
    identify: Callable[[Call], Awaitable[Identification]],
) -> Porter:
    """Who plays errands."""
    world = World(
        clerk=clerk,
        store=store,
        tickets=store.tickets,
        uses=store.uses,
        accounts=store.accounts,
        addresses=Doorplates(numbers),
        sessions=issuing.sessions,
        endings=store,
        minter=issuing.minter,
        credentials=credentials,
        steward=Steward(devices=store.devices, passages=store.passages, factors=store),
        register=register,
        identify=identify,
    )
    return Porter(terms=terms, world=world, afterwards=afterwards, journal=journal, meter=tally)
