"""The schema of the chart's values, with the whole schema of the configuration in it: a misspelt key stops the install.

    python -m tests.deploy.chart_schema > deploy/helm/mfa-gateway/values.schema.json

`make schema` does that. What the chart writes into the configuration itself is refused by its templates, which say why.
"""

import json
import sys
from typing import Any, Final

from mfa_gateway.settings import json_schema

Schema = dict[str, Any]

_BOOLEAN: Final[Schema] = {"type": "boolean"}
_TEXT: Final[Schema] = {"type": "string"}
_NAME: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 253}
_PORT: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": 65535}
_ANY: Final[Schema] = {"type": "object"}
_ANYS: Final[Schema] = {"type": "array", "items": _ANY}
_TEXTS: Final[Schema] = {"type": "object", "additionalProperties": _TEXT}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": 1000}
_SECONDS: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": 3600}
_QUANTITY: Final[Schema] = {"type": "string", "pattern": "^[0-9]+(Mi|Gi|Ti)$"}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def values_schema() -> Schema:
    """The schema, as JSON."""
    configuration: Schema = json.loads(json_schema())
    definitions = configuration.pop("$defs", {})
    for key in ("$schema", "$id", "title"):
        configuration.pop(key, None)
    configuration["required"] = ["access_control"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Values of the chart mfa-gateway",
        "$defs": definitions,
        **_object(**_values(configuration)),
        "required": ["existingSecret", "config"],
    }


def _values(configuration: Schema) -> dict[str, Schema]:
    return {
        "global": _ANY,
        "image": _object(
            repository=_NAME,
            tag={"type": "string", "not": {"const": "latest"}},
            digest={"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
            pullPolicy={"enum": ["Always", "IfNotPresent", "Never"]},
        ),
        "imagePullSecrets": _ANYS,
        "existingSecret": _NAME,
        "config": configuration,
        "store": _object(kind={"enum": ["external", "embedded"]}, size=_QUANTITY, storageClassName=_TEXT),
        "extAuthz": _object(enabled=_BOOLEAN, port=_PORT),
        "replicas": _COUNT,
        "autoscaling": _object(
            enabled=_BOOLEAN,
            minReplicas=_COUNT,
            maxReplicas=_COUNT,
            targetCPUUtilizationPercentage={"type": "integer", "minimum": 1, "maximum": 100},
        ),
        "drainSeconds": {**_SECONDS, "minimum": 1},
        "noticeSeconds": _SECONDS,
        "service": _object(type={"enum": ["ClusterIP", "NodePort", "LoadBalancer"]}, port=_PORT, annotations=_TEXTS),
        "resources": _ANY,
        "podDisruptionBudget": _object(enabled=_BOOLEAN, maxUnavailable={"type": ["integer", "string"]}),
        "networkPolicy": _object(enabled=_BOOLEAN, clients=_ANYS, watchers=_ANYS, egress=_ANYS),
        "serviceMonitor": _object(
            enabled=_BOOLEAN, interval={"type": "string", "pattern": "^[0-9]+(s|m)$"}, labels=_TEXTS
        ),
        "podAnnotations": _TEXTS,
        "podLabels": _TEXTS,
        "nodeSelector": _TEXTS,
        "tolerations": _ANYS,
        "affinity": _ANY,
        "priorityClassName": _TEXT,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(values_schema(), indent=2) + "\n")
