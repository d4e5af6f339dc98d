"""What is shown to newcomers, as it is printed. The README's first check is run by test/clients/first-steps.ts."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import httpx
import pytest
from environment import ENVIRONMENT, PATIENCE, secret

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?) *```", README, re.DOTALL)


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "ENDPOINT": ENVIRONMENT["endpoint"],
        "KEY": ENVIRONMENT["keys"]["admin"],
        "TOKEN": secret("alice"),
    }


def run(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        [sys.executable, *arguments], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("block", BLOCKS)
def test_what_the_readme_shows_is_python(block: str) -> None:
    compile(textwrap.dedent(block), "README.md", "exec", flags=0x2000)  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def test_check() -> None:
    lines = run(str(ROOT / "example/check.py")).splitlines()
    assert re.fullmatch(r"made tok_\w{26}: pw_pat_\.\.\.\w{4}", lines[0])
    assert lines[1:] == [
        "user:alice viewer document:roadmap: True ALLOWED",
        "user:alice viewer document:payroll: False NOT_PERMITTED",
        "user:alice editor document:roadmap: False NOT_GRANTED",
        "may view: document:handbook document:roadmap",
        "revoked: False TOKEN_REVOKED",
    ]


async def test_service() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    server = subprocess.Popen(  # noqa: ASYNC220, S603
        [sys.executable, "-m", "uvicorn", "--app-dir", str(ROOT / "example"), "--port", str(port), "service:app"],
        env=environment(),
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as http:
            end = time.monotonic() + PATIENCE
            while True:
                try:
                    assert (await http.get("/health")).status_code == 200
                    break
                except httpx.TransportError:
                    assert time.monotonic() < end
                    assert server.poll() is None
                    await asyncio.sleep(0.1)

            async def status(name: str, alias: str | None) -> int:
                headers = {"Authorization": f"Bearer {secret(alias)}"} if alias else {}
                return (await http.get(f"/documents/{name}", headers=headers)).status_code

            asked = [("roadmap", "alice"), ("payroll", "alice"), ("roadmap", "revoked"), ("roadmap", None)]
            # At once, so that they are sent together.
            assert await asyncio.gather(*(status(*one) for one in asked * 5)) == [200, 403, 401, 401] * 5
    finally:
        server.terminate()
        server.wait(PATIENCE)
