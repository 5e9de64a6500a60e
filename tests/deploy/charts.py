"""Values that the chart is rendered with, by the name of what they show."""

from typing import Any, Final

CONFIG: Final[dict[str, Any]] = {
    "upstream": "http://api:80",
    "public_url": "https://api.example.com",
    "identity": {
        "bearer": [
            {
                "realm": "shop",
                "issuer": "https://idp.example.com",
                "audience": "shop-api",
                "algorithms": ["RS256"],
                "jwks_url": "https://idp.example.com/.well-known/jwks.json",
            }
        ]
    },
    "senders": {"email": {"smtp": {"host": "mail.example.com", "from": "no-reply@example.com"}}},
    "access_control": {
        "default_policy": "open",
        "rules": [{"name": "pay", "paths": ["/pay/**"], "policy": "mfa"}],
    },
}

MINIMUM: Final[dict[str, Any]] = {"existingSecret": "mfa-gateway", "config": CONFIG}

VALUES: Final[dict[str, dict[str, Any]]] = {
    "minimum": MINIMUM,
    "embedded": {**MINIMUM, "replicas": 1, "store": {"kind": "embedded", "storageClassName": "fast"}},
    "everything": {
        **MINIMUM,
        "config": {**CONFIG, "trusted_proxies": ["10.244.0.0/16"], "store": {"timeout": "200ms"}},
        "image": {"tag": "0.1.0-debug", "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "registry"}],
        "extAuthz": {"enabled": True},
        "autoscaling": {"enabled": True},
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "service": {"annotations": {"example.com/a": "b"}},
        "networkPolicy": {
            "clients": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}]
        },
        "podAnnotations": {"example.com/a": "b"},
        "podLabels": {"team": "shop"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "gateways", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "high",
        "drainSeconds": 60,
        "noticeSeconds": 10,
    },
}
