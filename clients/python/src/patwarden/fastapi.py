"""
Guards of FastAPI routes, in the extra `patwarden[fastapi]`.

    guard = Guard(AsyncClient("patwarden.internal:9081", key))
    guard.install(app)

    def reading(id: str) -> Permission:
        return f"document:{id}", "viewer"

    @app.get("/documents/{id}")
    async def read(id: str, decision: Annotated[Decision, Depends(guard(reading))]) -> Document:
        ...  # decision.subject is the reader

For WebSockets and whole applications use the middleware of `patwarden.starlette`.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader, HTTPBearer

from patwarden._aio import AsyncClient
from patwarden._guard import PROBLEM_TYPE, AsyncGuard, Permission, Refused
from patwarden._types import Decision
from patwarden.starlette import peer_address

__all__ = ["Guard", "Permission", "Refusal", "peer_address"]


class Refusal(HTTPException):
    """Raised for a request that is not allowed. `problem` is the body, as in RFC 9457."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.status, refused.detail, refused.headers)
        self.problem = refused.problem


async def _answer(_request: Request, refusal: Exception) -> JSONResponse:
    assert isinstance(refusal, Refusal)  # noqa: S101 - it is registered for nothing else
    return JSONResponse(refusal.problem, refusal.status_code, refusal.headers, PROBLEM_TYPE)


class Guard:
    """
    Makes dependencies that allow only permitted requests, and return the `Decision`.

    The credential is read from `Authorization: Bearer`, `X-API-Key`, or the password of `Authorization: Basic` with
    any user name. Answers 401 without a credential, with different ones or with an invalid token; 403 when the token
    does not allow the request; 404 for an id that can never exist; 503 when no decision could be made.

    - `realm`: for `WWW-Authenticate`.
    - `verify`: decides about a credential without the prefix of this deployment; it gets the credential, the resource
      and the action. Returns a `Decision`, for example `Decision.allow("user:alice")`, or `None` when the credential
      is not valid. May be async. Default: such credentials are not valid.
    - `client_ip`: returns the bearer's address; `peer_address` is that of the connection. Without it, tokens that are
      limited to networks are refused. Trust only headers that a proxy of yours sets.
    - `explain_invalid_token`: adds a `reason` to the 401 for a token that exists but cannot be used, for example
      `TOKEN_EXPIRED`. Default false: a thief would learn which tokens were real, and which may become usable again.
      Unknown and malformed tokens are never told apart, nor is it told that a token works from other networks.
    """

    def __init__(
        self,
        client: AsyncClient,
        *,
        realm: str = "patwarden",
        verify: Callable[[str, str, str], Decision | Awaitable[Decision | None] | None] | None = None,
        client_ip: Callable[[Request], str | None] | None = None,
        explain_invalid_token: bool = False,
    ) -> None:
        self._guard = AsyncGuard(client, realm, verify, explain_invalid_token)
        self._client_ip = client_ip

    def install(self, app: FastAPI) -> None:
        """Answers refusals with `application/problem+json`. Without it the body is FastAPI's, `{"detail": "..."}`."""
        app.add_exception_handler(Refusal, _answer)

    def __call__(self, permission: Callable[..., Any]) -> Callable[..., Awaitable[Decision]]:
        """`permission` is a dependency itself: it takes path parameters, requests and other dependencies, and returns
        the `Permission` that the route needs."""

        async def decide(
            request: Request,
            needed: Any = Depends(permission),
            # For the API's documentation only; both may be absent.
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
                raise Refusal(refused) from refused

        return decide
