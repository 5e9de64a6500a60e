"""The sections about access and wire forms: which calls ask for a second factor, and which dialects are spoken.

What stays out: what a rule means (core.policy) and its patterns' grammar, which `rules` hands to the core.
"""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from mfa_gateway.core.call import CanonicalPath, canonical_path
from mfa_gateway.settings.addresses import HostName, HttpUrl
from mfa_gateway.settings.durations import Duration, within
from mfa_gateway.settings.factors import FactorName, Window, Windows
from mfa_gateway.settings.gigya import GigyaSite, SigningKeyFile
from mfa_gateway.settings.identity import Realm
from mfa_gateway.settings.section import Bool, Section, Text

Decision = Literal["open", "mfa", "deny"]
Dialect = Literal["glue", "gigya", "adservio", "standard"]

# RFC 9110 section 9.1: a token, and case counts. Every registered method is in capitals.
_METHOD: Final = re.compile(r"[A-Z][A-Z0-9_-]*", re.ASCII)
# Never forwarded, whatever a rule says: TRACE reflects headers, CONNECT asks for a tunnel.
_NEVER: Final = frozenset({"TRACE", "CONNECT"})
_RULE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,63}", re.ASCII)


def _method(value: str) -> str:
    if _METHOD.fullmatch(value) is None:
        hint = f"write {value.upper()}" if _METHOD.fullmatch(value.upper()) else "write GET, POST, PATCH and the like"
        raise ValueError(f"'{value}' is not a method: {hint}")
    if value in _NEVER:
        raise ValueError(f"{value} is always refused (405), so no rule can be about it: take it out")
    return value


def _rule_name(value: str) -> str:
    if _RULE_NAME.fullmatch(value) is None:
        raise ValueError("must be a short name of letters, digits, '.', '_', '-' and spaces, as in change-password")
    return value


def _prefix(value: str) -> str:
    if not value:
        return value
    path = canonical_path(value.encode())
    if not isinstance(path, CanonicalPath):
        begins = "" if value.startswith("/") else f": write /{value.strip('/')}"
        raise ValueError(f"'{value}' is not a plain path ({path.value}){begins}")  # noqa: TRY004 - the oddity is a value
    plain = str(path).removesuffix("/")
    if plain != value:
        raise ValueError(f"'{value}' must be written as '{plain}'")
    if path.segments[0] == "_mfa":
        raise ValueError("/_mfa belongs to the gateway itself: choose another prefix")
    return value


Method = Annotated[str, AfterValidator(_method), Field(json_schema_extra={"pattern": f"^{_METHOD.pattern}$"})]
Prefix = Annotated[str, AfterValidator(_prefix), Field(json_schema_extra={"pattern": "^(/.*[^/])?$"})]


class Rule(Section):
    """Which calls, and what they require. The most specific rule wins, wherever it stands in the list."""

    name: Annotated[str, AfterValidator(_rule_name)] = ""
    """Name in logs and metrics. Default: rules[0], rules[1] and so on, by position."""
    methods: tuple[Method, ...] = ()
    """Methods. None: every method. GET covers HEAD."""
    hosts: tuple[HostName, ...] = ()
    """Hosts, exact. None: every host."""
    realms: tuple[Realm, ...] = ()
    """Realms of callers. None: every realm."""
    paths: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Paths: {x} stands for one segment, ** at the end for the rest. /p and /p/ match alike, case counts."""
    policy: Decision = "mfa"
    """open: let through; mfa: ask for a second factor; deny: refuse."""
    require: Literal["always", "if_enrolled"] = "always"
    """Accounts without an active factor: refuse them, or let them through."""
    factors: tuple[FactorName, ...] = ()
    """Factors that count. None: any active factor."""
    grace: Annotated[Duration, within("0s", "30d")] = 1800.0
    """How long a good code lasts, never sliding. 0s: a fresh code for every call."""
    scope: Literal["account", "session"] | None = None
    """Whose proofs count: the account's, or this session's. Default: account under glue, else session."""
    dialect: Dialect = "glue"
    """Wire form of refusals."""
    enforce: Bool = True
    """false: decide, count and log, and forward anyway (shadow)."""
    on_success: Literal["none", "close_window", "revoke"] = "none"
    """What a 2xx of the upstream does before it goes on. close_window: forget the proofs that this rule looks at;
    revoke: all of the account's, everywhere. Nothing on a rule in shadow."""
    tell_grace: Bool = False
    """true: who passes by a proof reads in X-MFA-Grace-Remaining how many seconds it has left."""
    on_store_error: Literal["deny", "allow"] = "deny"
    """What happens while the store is away."""


def _named(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    # Brackets cannot be written in a name, so these can never meet a written one.
    return tuple(
        rule if rule.name else rule.model_copy(update={"name": f"rules[{index}]"}) for index, rule in enumerate(rules)
    )


class AccessControl(Section):
    """Which calls ask for a second factor."""

    default_policy: Decision
    """For calls that no rule matches. Has no default: it must be written."""
    rules: Annotated[tuple[Rule, ...], AfterValidator(_named)] = ()
    """The rules, in any order."""


class GlueDialect(Section):
    """The JSON:API form: multi-factor-auth-* endpoints, X-MFA-Code, errors 5900 to 5910."""

    enabled: Bool = True
    """Whether its endpoints are served."""
    prefix: Prefix = ""
    """Path before its endpoints, as in /api. Empty: they stand at the root."""
    hosts: tuple[HostName, ...] = ()
    """Hosts that serve its endpoints. None: every host."""
    audience: Literal["customer", "user"] = "customer"
    """Whom errors speak of: customer (5905, 5907) or back-office user (5908, 5909)."""
    status_format: Literal["text", "integer"] = "text"
    """How the state of a type is written; older clients know the integers."""


class GigyaDialect(Section):
    """Gigya's methods, and the accounts that log in by them. It owns its hosts, or everything below its prefix."""

    enabled: Bool = False
    """Whether its area is served."""
    prefix: Prefix = ""
    """Path before its methods, as in /gigya. Empty: it has hosts of its own."""
    hosts: tuple[HostName, ...] = ()
    """Hosts that are its own. None: every host, with a prefix."""
    base_url: HttpUrl | None = None
    """The address that clients call, for the signatures that they make over it."""
    signing_key_file: SigningKeyFile | None = None
    """The RSA key that tokens and assertions are signed with, PEM. Default: one that is made once and kept, sealed."""
    jsonp: Bool = False
    """Whether answers may be scripts (format=jsonp), which any page can include."""
    calls_per_address: Windows = (Window(requests=600, period=60.0),)
    """Calls from one client address that no server's credential comes with."""
    sites: tuple[GigyaSite, ...] = ()
    """The API keys."""


class AdservioDialect(Section):
    """Adservio's two-factor calls, and the accounts that log in by them. It owns everything at and below ./auth."""

    enabled: Bool = False
    """Whether its area is served."""
    prefix: Prefix = ""
    """What its paths call a dot: ./auth is /api/v2/auth with /api/v2. Empty: it has hosts of its own."""
    hosts: tuple[HostName, ...] = ()
    """Hosts that serve its area. None: every host, with a prefix."""
    realm: Realm | None = None
    """Whose accounts log in here: uaUserName is a login id, uaID the subject. Rules may name it."""
    session: Annotated[Duration, within("1m", "30d")] = 3600.0
    """How long an access token opens the gate."""
    remember_device: Annotated[Duration, within("0s", "400d")] = 30 * 86_400.0
    """How long a token of tfaSave stands in for a code at the login. 0s: none is given."""
    errors: Literal["list", "object"] = "list"
    """How errors are written: a list of {field, code, message}, or an object with that list as its errors."""


class StandardDialect(Section):
    """Plain JSON resources, problem details (RFC 9457) and step-up challenges (RFC 9470)."""

    enabled: Bool = True
    """Whether it is spoken: its endpoints are served, and rules may refuse in it."""
    prefix: Prefix = "/mfa"
    """Path before its endpoints: factors, challenges, backup-codes, grace, preflight, and all below these."""
    hosts: tuple[HostName, ...] = ()
    """Hosts that serve its endpoints. None: every host."""


class Dialects(Section):
    """The wire forms that are spoken."""

    glue: GlueDialect = GlueDialect()
    """JSON:API."""
    gigya: GigyaDialect = GigyaDialect()
    """Gigya's methods."""
    adservio: AdservioDialect = AdservioDialect()
    """Adservio's two-factor calls."""
    standard: StandardDialect = StandardDialect()
    """Problem details."""

    def realms(self) -> frozenset[str]:
        """The realms that dialects let people log in to."""
        sites = frozenset(site.realm for site in self.gigya.sites if self.gigya.enabled)
        own = self.adservio.realm if self.adservio.enabled else None
        return sites if own is None else sites | {own}

    def enabled(self) -> frozenset[str]:
        """The names of the dialects that are on."""
        every = {
            "glue": self.glue.enabled,
            "gigya": self.gigya.enabled,
            "adservio": self.adservio.enabled,
            "standard": self.standard.enabled,
        }
        return frozenset(name for name, is_on in every.items() if is_on)
