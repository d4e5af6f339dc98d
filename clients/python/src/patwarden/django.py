"""
A middleware for Django, in the extra `patwarden[django]`.

    # documents/guard.py
    def permission(request: HttpRequest) -> Permission | Public | None:
        match request.resolver_match:
            case ResolverMatch(view_name="document", kwargs={"id": id}):
                return f"document:{id}", "viewer"
            case ResolverMatch(view_name="health"):
                return PUBLIC

    patwarden = guard(Client("patwarden.internal:9081", key), permission)

    # settings.py
    MIDDLEWARE = [..., "documents.guard.patwarden"]

Behind it, `request.patwarden` is the `Decision`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import markcoroutinefunction
from django.http import JsonResponse

from patwarden._aio import AsyncClient
from patwarden._guard import PROBLEM_TYPE, PUBLIC, AsyncGuard, Permission, Public, Refused, SyncGuard, settled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http import HttpRequest, HttpResponseBase

    from patwarden._client import Client
    from patwarden._guard import Guard
    from patwarden._types import Decision

__all__ = ["PUBLIC", "Permission", "Public", "guard", "peer_address"]


def peer_address(request: HttpRequest) -> str | None:
    """Returns the address of the connection: the bearer's, or that of a proxy in front."""
    return request.META.get("REMOTE_ADDR") or None


def guard(
    client: Client | AsyncClient,
    permission: Callable[[HttpRequest], Any],
    *,
    realm: str = "patwarden",
    verify: Callable[[str, str, str], Any] | None = None,
    client_ip: Callable[[HttpRequest], str | None] | None = None,
    explain_invalid_token: bool = False,
) -> Callable[[Any], Any]:
    """
    Makes a middleware that allows only permitted requests. A `Client` is for WSGI, an `AsyncClient` for ASGI.

    `permission` returns what a request needs, for example by its `resolver_match`, or `PUBLIC` for one that is not
    guarded. A view that it forgets, so that it returns `None`, is refused with 403. With an `AsyncClient` it and
    `verify` may be async. The other options and the answers are those of `patwarden.fastapi.Guard`.
    """
    if isinstance(client, AsyncClient):
        async_guard = AsyncGuard(client, realm, verify, explain_invalid_token)

        def make_async(get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> _AsyncMiddleware:
            return _AsyncMiddleware(get_response, async_guard, permission, client_ip)

        make_async.sync_capable = False  # type: ignore[attr-defined]
        make_async.async_capable = True  # type: ignore[attr-defined]
        return make_async

    sync_guard = SyncGuard(client, realm, verify, explain_invalid_token)

    def make(get_response: Callable[[HttpRequest], HttpResponseBase]) -> _Middleware:
        return _Middleware(get_response, sync_guard, permission, client_ip)

    return make


class _Middleware:
    """Decides in `process_view`, when the view is known."""

    def __init__(
        self,
        get_response: Callable[[HttpRequest], HttpResponseBase],
        guard: SyncGuard,
        permission: Callable[[HttpRequest], Permission | Public | None],
        client_ip: Callable[[HttpRequest], str | None] | None,
    ) -> None:
        self._get_response = get_response
        self._guard = guard
        self._permission = permission
        self._client_ip = client_ip

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponseBase | None:
        needed = self._permission(request)
        if needed is PUBLIC:
            return None
        try:
            credential = _credential(self._guard, request)
            client_ip = self._client_ip(request) if self._client_ip else None
            _note(request, self._guard.decide(credential, self._guard.permission(needed), client_ip))
        except Refused as refused:
            return _refuse(refused)
        return None


class _AsyncMiddleware:
    def __init__(
        self,
        get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]],
        guard: AsyncGuard,
        permission: Callable[[HttpRequest], Permission | Public | Awaitable[Permission | Public | None] | None],
        client_ip: Callable[[HttpRequest], str | None] | None,
    ) -> None:
        self._get_response = get_response
        self._guard = guard
        self._permission = permission
        self._client_ip = client_ip
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return await self._get_response(request)

    async def process_view(self, request: HttpRequest, *_view: object) -> HttpResponseBase | None:
        needed = await settled(self._permission(request))
        if needed is PUBLIC:
            return None
        try:
            credential = _credential(self._guard, request)
            client_ip = self._client_ip(request) if self._client_ip else None
            _note(request, await self._guard.decide(credential, self._guard.permission(needed), client_ip))
        except Refused as refused:
            return _refuse(refused)
        return None


def _credential(guard: Guard, request: HttpRequest) -> str:
    # Django's servers join repeated headers with a comma, which no credential contains: two are refused.
    names = ("Authorization", "X-Api-Key")
    authorization, api_key = ([request.headers[name]] if name in request.headers else [] for name in names)
    return guard.credential(authorization, api_key)


def _note(request: HttpRequest, decision: Decision) -> None:
    request.patwarden = decision  # type: ignore[attr-defined]


def _refuse(refused: Refused) -> HttpResponseBase:
    return JsonResponse(refused.problem, status=refused.status, headers=refused.headers, content_type=PROBLEM_TYPE)
