"""What the tests run against, as `clients/vectors/README.md` describes it."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from pathlib import Path
from typing import Any

# Nothing that is waited for takes long; a slow machine may.
PATIENCE = 30.0


def _load() -> dict[str, Any]:
    name = os.environ.get("PATWARDEN_CLIENT_TESTS")
    if name is None:
        raise SystemExit("PATWARDEN_CLIENT_TESTS is not set: run the tests by `npx tsx test/clients/run.ts python`")
    loaded: dict[str, Any] = json.loads(Path(name).read_text())
    return loaded


ENVIRONMENT = _load()


def vectors(name: str) -> list[dict[str, Any]]:
    cases = json.loads((Path(ENVIRONMENT["vectors"]) / f"{name}.json").read_text())
    assert cases, f"{name}.json is empty"
    return [_filled(case) for case in cases]


def secret(alias: str) -> str:
    return str(ENVIRONMENT["tokens"][alias]["secret"])


def token_of(case: dict[str, Any]) -> str:
    token = case["token"]
    return secret(token) if isinstance(token, str) else str(token["text"])


def control(path: str) -> None:
    request = urllib.request.Request(f"{ENVIRONMENT['control']}{path}", method="POST")
    with urllib.request.urlopen(request, timeout=240) as reply:
        assert reply.status == 204


def redirects_followed() -> int:
    with urllib.request.urlopen(f"{ENVIRONMENT['control']}/redirecting/followed", timeout=240) as reply:
        return int(reply.read())


def _filled(value: Any) -> Any:
    """With the secrets in place of `${alias}`, and other fields of tokens in place of `${alias.field}`."""
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)(?:\.(\w+))?\}", lambda m: ENVIRONMENT["tokens"][m[1]][m[2] or "secret"], value)
    if isinstance(value, list):
        return [_filled(one) for one in value]
    if isinstance(value, dict):
        return {key: _filled(one) for key, one in value.items()}
    return value
