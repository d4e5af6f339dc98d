"""
A service of two routes, one of them guarded:

    KEY=$(cat .patwarden/service-key) uvicorn --app-dir clients/python/example service:app
    curl -H "authorization: Bearer $TOKEN" http://127.0.0.1:8000/documents/roadmap
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, FastAPI

from patwarden import AsyncClient, Decision
from patwarden.fastapi import Guard, Permission, peer_address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

client = AsyncClient(os.environ.get("ENDPOINT", "127.0.0.1:9081"), os.environ["KEY"], plaintext=True)
guard = Guard(client, client_ip=peer_address)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    async with client:
        yield


app = FastAPI(lifespan=lifespan)


def reading(name: str) -> Permission:
    return f"document:{name}", "viewer"


may_read = guard(reading)


@app.get("/documents/{name}")
async def read(name: str, decision: Annotated[Decision, Depends(may_read)]) -> dict[str, str | None]:
    return {"name": name, "reader": decision.subject}


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}
