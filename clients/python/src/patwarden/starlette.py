"""
A middleware for Starlette, FastAPI and other ASGI applications, in the extra `patwarden[starlette]`.

    def permission(connection: HTTPConnection) -> Permission | Public | None:
        match connection.scope["path"].split("/"):
            case ["", "documents", id]:
                return f"document:{id}", "viewer"
            case ["", "health"]:
                return PUBLIC

    app = Starlette(routes=..., middleware=[Middleware(PatwardenMiddleware, client=client, permission=permission)])

Behind it `request.state.patwarden` is the `Decision`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from patwarden._guard import PROBLEM_TYPE, PUBLIC, AsyncGuard, Permission, Public, Refused, settled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from patwarden._aio import AsyncClient
    from patwarden._types import Decision

__all__ = ["PUBLIC", "PatwardenMiddleware", "Permission", "Public", "peer_address"]


def peer_address(connection: HTTPConnection) -> str | None:
    """Returns the address of the connection: the bearer's, or that of a proxy in front."""
    return (connection.client.host or None) if connection.client else None


class PatwardenMiddleware:
    """
    Allows only permitted HTTP requests and WebSockets.

    `permission` returns what a request needs, or `PUBLIC` for one that is not guarded. A path that it forgets, so that
    it returns `None`, is refused with 403. It may be async. The other options and the answers are those of
    `patwarden.fastapi.Guard`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        client: AsyncClient,
        permission: Callable[[HTTPConnection], Permission | Public | Awaitable[Permission | Public | None] | None],
        realm: str = "patwarden",
        verify: Callable[[str, str, str], Decision | Awaitable[Decision | None] | None] | None = None,
        client_ip: Callable[[HTTPConnection], str | None] | None = None,
        explain_invalid_token: bool = False,
    ) -> None:
        self._app = app
        self._guard = AsyncGuard(client, realm, verify, explain_invalid_token)
        self._permission = permission
        self._client_ip = client_ip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            try:
                await self._admit(scope)
            except Refused as refused:
                await _refuse(refused, scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope) -> None:
        connection = HTTPConnection(scope)
        needed = await settled(self._permission(connection))
        if needed is PUBLIC:
            return
        credential = self._guard.credential(
            connection.headers.getlist("authorization"), connection.headers.getlist("x-api-key")
        )
        client_ip = self._client_ip(connection) if self._client_ip else None
        decision = await self._guard.decide(credential, self._guard.permission(needed), client_ip)
        scope.setdefault("state", {})["patwarden"] = decision


async def _refuse(refused: Refused, scope: Scope, receive: Receive, send: Send) -> None:
    response = JSONResponse(refused.problem, refused.status, refused.headers, PROBLEM_TYPE)
    if scope["type"] == "http":
        await response(scope, receive, send)
    elif "websocket.http.response" in scope.get("extensions", {}):
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        # Not accepted yet, so the server answers 403.
        await WebSocket(scope, receive, send).close(1008)
