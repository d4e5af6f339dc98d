"""Client and AsyncClient under one face, so that one test is of both."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from stand_in import METHODS

from patwarden import AsyncClient, Client, Decision, v1

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_STUBS = {
    "AuthorizationService": "authorization",
    "TokenService": "tokens",
    "SubjectService": "subjects",
    "PolicyService": "policies",
    "AuditService": "audit",
    "UsageService": "usage",
    "SelfService": "self_service",
}


class Either:
    def __init__(self, client: Client | AsyncClient) -> None:
        self.client = client

    async def check(self, *arguments: Any, **options: Any) -> Decision:
        decision: Decision = await self.done(lambda: self.client.check(*arguments, **options))
        return decision

    async def call(self, path: str, request: Any = None, **options: Any) -> Any:
        """By the generated stub."""
        method = METHODS[path]
        stub = getattr(self.client, _STUBS[method.containing_service.name])
        message = request or getattr(v1, method.input_type.name)()
        if not method.server_streaming:
            return await self.done(lambda: getattr(stub, method.name)(message, **options))
        if isinstance(self.client, Client):
            return await asyncio.to_thread(lambda: list(stub.ListResources(message, **options)))
        return [part async for part in stub.ListResources(message, **options)]

    async def done(self, begin: Callable[[], Any]) -> Any:
        if isinstance(self.client, Client):
            return await asyncio.to_thread(begin)
        result = begin()
        assert inspect.isawaitable(result)
        return await result


@asynccontextmanager
async def connected(kind: str, endpoint: str, key: Any = "key", **options: Any) -> AsyncIterator[Either]:
    if kind == "sync":
        with Client(endpoint, key, plaintext=True, **options) as client:
            yield Either(client)
    else:
        async with AsyncClient(endpoint, key, plaintext=True, **options) as client:
            yield Either(client)
