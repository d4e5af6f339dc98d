"""
Decisions per second with and without coalescing, 64 checks at a time, against `endpoint` of PATWARDEN_CLIENT_TESTS.

    PATWARDEN_CLIENT_TESTS=FILE python bench/throughput.py [SECONDS]
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from patwarden import AsyncClient

CONCURRENCY = 64


async def measure(endpoint: str, key: str, token: str, *, coalesce: bool, seconds: float) -> tuple[float, float]:
    """Decisions per second, and microseconds of CPU for each."""
    async with AsyncClient(endpoint, key, plaintext=True, check_timeout=10, coalesce=coalesce) as client:
        count = 0

        async def ask_until(end: float) -> None:
            nonlocal count
            while time.monotonic() < end:
                decision = await client.check(token, "document:roadmap", "viewer")
                assert decision.allowed
                count += 1

        await asyncio.gather(*(ask_until(time.monotonic() + 1) for _ in range(CONCURRENCY)))
        count = 0
        begin, cpu = time.monotonic(), time.process_time()
        await asyncio.gather(*(ask_until(begin + seconds) for _ in range(CONCURRENCY)))
        return count / (time.monotonic() - begin), (time.process_time() - cpu) / count * 1e6


def main() -> None:
    environment = json.loads(Path(os.environ["PATWARDEN_CLIENT_TESTS"]).read_text())
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    endpoint, key, token = (
        environment["endpoint"],
        environment["keys"]["checker"],
        environment["tokens"]["alice"]["secret"],
    )
    for coalesce in (False, True, False, True):
        rate, cpu = asyncio.run(measure(endpoint, key, token, coalesce=coalesce, seconds=seconds))
        name = "coalescing" if coalesce else "each alone"
        sys.stdout.write(f"{name}: {rate:8,.0f} decisions/s, {cpu:6.1f} us of client CPU each\n")


if __name__ == "__main__":
    main()
