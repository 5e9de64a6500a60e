"""Contenders: the proxies of a run, each with the smallest configuration that forwards, and what is asked of them.

Every one runs on the core of its own, in front of the same API. Ours has its gate on and writes its log to a file, as
an operator has it; others log no calls, which is their default.
"""

import base64
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Final

import httpx2
import jwt
import pyotp

from mfa_gateway.state.server import find_program
from tests.benchmarks.cores import Cores
from tests.benchmarks.processes import free_port, process

_ISSUER: Final = "https://idp.test"
_SUBJECT: Final = "bench"


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked of a contender that runs: one URL, with these headers. `pid` is its first process."""

    name: str
    url: str
    pid: int
    headers: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def gateway(folder: Path, api_port: int, cores: Cores) -> Iterator[tuple[Case, ...]]:
    """Ours, with one worker: an open route, and a protected one in grace. The store shares the other core."""
    port, store_port = free_port(), free_port()
    secret = secrets.token_urlsafe(48)
    config = _write_settings(folder, port=port, api_port=api_port, store_port=store_port, secret=secret)
    store = [str(find_program()), "--port", str(store_port), "--save", "", "--dir", str(folder)]
    serve = [sys.executable, "-m", "mfa_gateway", "serve", "--config", str(config)]
    with process(store, core=cores.others, port=store_port, log=folder / "store.log"):
        code_source = _enrol(config)
        with process(serve, core=cores.contender, port=port, log=folder / "gateway.log") as pid:
            bearer = {"Authorization": f"Bearer {_token(secret)}"}
            base = f"http://127.0.0.1:{port}"
            _prove(f"{base}/protected", bearer, code_source)
            yield (
                Case("mfa_gateway, open route", f"{base}/open", pid, bearer),
                Case("mfa_gateway, protected route in grace", f"{base}/protected", pid, bearer),
            )


def _write_settings(folder: Path, *, port: int, api_port: int, store_port: int, secret: str) -> Path:
    (folder / "keys").write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    (folder / "issuer-secret").write_text(secret)
    config = folder / "mfa-gateway.yaml"
    config.write_text(
        f"""
listen: 127.0.0.1:{port}
upstream: http://127.0.0.1:{api_port}
store: {{url: "redis://127.0.0.1:{store_port}/0", timeout: 1s}}
secrets: {{keys_file: ./keys}}
identity:
  bearer:
    - {{realm: shop, issuer: "{_ISSUER}", audience: api, algorithms: [HS256], secret_file: ./issuer-secret}}
directory: {{source: store}}
factors: {{email: {{enabled: false}}}}
access_control:
  default_policy: open
  rules:
    - {{name: protected, paths: ["/protected/**"], policy: mfa, grace: 1d}}
"""
    )
    return config


def _enrol(config: Path) -> pyotp.TOTP:
    secret = pyotp.random_base32()
    done = subprocess.run(
        [sys.executable, "-m", "mfa_gateway", "accounts", "add", "--config", str(config), "--subject", _SUBJECT,
         "--factor", "totp", "--totp-secret", secret],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise ValueError(f"no account could be made: {done.stderr}")
    return pyotp.TOTP(secret)


def _token(secret: str) -> str:
    now = int(time.time())
    claims = {"iss": _ISSUER, "aud": "api", "sub": _SUBJECT, "iat": now, "exp": now + 86_400, "sid": "bench"}
    return jwt.encode(claims, secret, "HS256")


def _prove(url: str, bearer: Mapping[str, str], code_source: pyotp.TOTP) -> None:
    before = httpx2.get(url, headers=dict(bearer))
    if before.status_code != 403:
        raise ValueError(f"the gate is not on: {before.status_code} without a code")
    httpx2.get(url, headers={**bearer, "X-MFA-Code": code_source.now()}).raise_for_status()


@contextmanager
def traefik(folder: Path, api_port: int, cores: Cores) -> Iterator[tuple[Case, ...]]:
    """Traefik, forwarding plainly."""
    port = free_port()
    (folder / "dynamic.yaml").write_text(
        f"""
http:
  routers: {{all: {{rule: "PathPrefix(`/`)", service: api}}}}
  services: {{api: {{loadBalancer: {{servers: [{{url: "http://127.0.0.1:{api_port}"}}]}}}}}}
"""
    )
    command = [
        _program("traefik"),
        f"--entrypoints.web.address=127.0.0.1:{port}",
        f"--providers.file.filename={folder / 'dynamic.yaml'}",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ]
    with process(command, core=cores.contender, port=port, log=folder / "traefik.log") as pid:
        # The same request as ours gets, token and all.
        token = {"Authorization": f"Bearer {_token(secrets.token_urlsafe(48))}"}
        yield (Case("Traefik, forwarding plainly", f"http://127.0.0.1:{port}/open", pid, token),)


def _program(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else which(name)
    if found is None:
        raise OSError(f"{name} is not there: pip install {name}-bin")
    return found


CONTENDERS: Final = {"mfa_gateway": gateway, "traefik": traefik}
