"""Every target there is, by its name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tests.attacks.fuzz.calls import CALLS
from tests.attacks.fuzz.configurations import CONFIGURATION_TEXTS, CONFIGURATIONS
from tests.attacks.fuzz.dialect_requests import ADSERVIO, GIGYA, GLUE, REFUSALS, STANDARD
from tests.attacks.fuzz.paths import PATHS
from tests.attacks.fuzz.target import Target
from tests.attacks.fuzz.tokens import TOKENS
from tests.attacks.fuzz.upstream_answers import UPSTREAM

TARGETS: Final[Mapping[str, Target]] = MappingProxyType(
    {
        target.name: target
        for target in (
            *(UPSTREAM, PATHS, TOKENS, CALLS),
            *(GLUE, STANDARD, GIGYA, ADSERVIO, REFUSALS),
            *(CONFIGURATIONS, CONFIGURATION_TEXTS),
        )
    }
)
