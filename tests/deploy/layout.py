"""The files of a container, as its manifest describes them, below a folder of a test.

Every path at which something is mounted begins with that folder then, wherever it is named: in files, arguments and
variables. What stays out: running anything there.
"""

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.deploy.manifests import Manifest, Pod

# What the Secret of each mount holds, in the manner in which README.md says to make it.
KEYS = base64.b64encode(secrets.token_bytes(32)).decode() + "\n"


def contents(*, store: str = "redis://127.0.0.1:6379/0") -> dict[str, str]:
    """The files of the Secret `mfa-gateway`."""
    return {"keys": KEYS, "store-url": store, "smtp-password": "secret", "issuer-secret": secrets.token_urlsafe(48)}


@dataclass
class Layout:
    """A container of a pod, laid out below `root`."""

    root: Path
    pod: Pod
    manifests: list[Manifest]
    secrets: Mapping[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        self._container = self.pod.gateway
        paths = [re.escape(mount["mountPath"]) for mount in self._container["volumeMounts"]]
        self._mounted = re.compile(rf"({'|'.join(paths)})\b")
        volumes = {one["name"]: one for one in self.pod.spec["volumes"]}
        for mount in self._container["volumeMounts"]:
            folder = Path(self.here(mount["mountPath"]))
            folder.mkdir(parents=True)
            for name, text in self._files(volumes.get(mount["name"], {})).items():
                (folder / name).write_text(text)

    def _files(self, volume: Manifest) -> Mapping[str, str]:
        if "secret" in volume:
            return self.secrets
        if "configMap" in volume:
            wanted = volume["configMap"]["name"]
            (found,) = (
                one for one in self.manifests if one["kind"] == "ConfigMap" and one["metadata"]["name"] == wanted
            )
            return {name: self.here(text) for name, text in found["data"].items()}
        return {}

    def here(self, text: str) -> str:
        """A text with every path of the container below our folder."""
        return self._mounted.sub(lambda found: f"{self.root}{found[0]}", text)

    @property
    def arguments(self) -> list[str]:
        return [self.here(word) for word in self._container["args"]]

    @property
    def config(self) -> Path:
        return Path(self.arguments[self.arguments.index("--config") + 1])

    @property
    def environ(self) -> dict[str, str]:
        return {one["name"]: self.here(one["value"]) for one in self._container.get("env", ())}
