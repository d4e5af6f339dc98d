"""
Guards of FastAPI routes, in the extra `patwarden[fastapi]`.

    guard = Guard(AsyncClient("patwarden.internal:9081", key))

    def reading(id: str) -> Permission:
        return f"document:{id}", "viewer"

    @app.get("/documents/{id}")
    async def read(id: str, decision: Annotated[Decision, Depends(guard(reading))]) -> Document:
        ...  # decision.subject may

For WebSockets and for whole applications there is the middleware of `patwarden.starlette`.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Depends, HTTPException, Request
from fastapi.security import APIKeyHeader, HTTPBearer

from patwarden._aio import AsyncClient
from patwarden._guard import AsyncGuard, Permission, Refused
from patwarden._types import Decision
from patwarden.starlette import peer_address

__all__ = ["Guard", "Permission", "peer_address"]


class Guard:
    """
    Makes dependencies that let a request pass, and give its `Decision`, when the bearer of its credential may do what
    a route needs.

    The credential is that of `Authorization: Bearer`, `X-API-Key`, or the password of `Authorization: Basic`, of
    whatever user. 401 without a credential, with one that is no good, or with two different ones; 403 with a good one
    that may not; 503 when no decision could be made.

    - `realm`: of `WWW-Authenticate`.
    - `verify`: asked about a credential without the prefix of this deployment, with the resource and the action.
      Gives a `Decision`, by `Decision.allow("user:alice")` for instance, or `None` for one that is no good. May be
      async. Without it there is no other credential.
    - `client_ip`: gives the bearer's address; `peer_address` is that of the connection. Without it tokens that are
      limited to networks are refused. It is yours to know which headers of which proxy can be trusted.
    """

    def __init__(
        self,
        client: AsyncClient,
        *,
        realm: str = "patwarden",
        verify: Callable[[str, str, str], Decision | Awaitable[Decision | None] | None] | None = None,
        client_ip: Callable[[Request], str | None] | None = None,
    ) -> None:
        self._guard = AsyncGuard(client, realm, verify)
        self._client_ip = client_ip

    def __call__(self, permission: Callable[..., Any]) -> Callable[..., Awaitable[Decision]]:
        """`permission` is a dependency itself: it takes path parameters, requests and other dependencies, and gives
        the `Permission` that is needed."""

        async def decide(
            request: Request,
            needed: Any = Depends(permission),
            # For the documentation of the API only; both may be absent.
            _bearer: Any = Depends(HTTPBearer(auto_error=False)),
            _api_key: Any = Depends(APIKeyHeader(name="X-API-Key", auto_error=False)),
        ) -> Decision:
            try:
                credential = self._guard.credential(
                    request.headers.getlist("authorization"), request.headers.getlist("x-api-key")
                )
                client_ip = self._client_ip(request) if self._client_ip else None
                return await self._guard.decide(credential, self._guard.permission(needed), client_ip)
            except Refused as refused:
                raise HTTPException(refused.status, refused.detail, refused.headers) from refused

        return decide
