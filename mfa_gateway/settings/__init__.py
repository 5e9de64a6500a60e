"""Settings: everything that mfa_gateway can be told, decoded, checked as a whole and frozen.

    settings = load_settings(Path("config/mfa-gateway.yaml"), environ=os.environ)

Either every key is right, or `ConfigurationError` holds every problem there is: keys that are unknown, values of the
wrong shape, keys that contradict each other, secret files that cannot be read, rules that conflict, and what is not
supported yet. Durations are `float` seconds (`Duration`), sizes are bytes, paths are absolute, secrets hide in `repr`.

What stays out: looking at the process's environment (it is handed in), building rooms from settings (`app`), and
anything that waits.
"""

from mfa_gateway.settings.durations import Duration, Size, duration_text, milliseconds
from mfa_gateway.settings.loading import load_settings, parse_settings
from mfa_gateway.settings.problems import ConfigurationError, Problem
from mfa_gateway.settings.root import Settings
from mfa_gateway.settings.rules import policy_of
from mfa_gateway.settings.schema import json_schema
from mfa_gateway.settings.upstreams import routes_of

__all__ = [
    "ConfigurationError",
    "Duration",
    "Problem",
    "Settings",
    "Size",
    "duration_text",
    "json_schema",
    "load_settings",
    "milliseconds",
    "parse_settings",
    "policy_of",
    "routes_of",
]
