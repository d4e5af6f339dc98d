"""Shared by the guards of all frameworks: reads the credential of a request, gets a decision, builds the answer."""

from __future__ import annotations

import base64
import binascii
import inspect
import logging
import math
import re
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

import grpc

from patwarden._errors import PatwardenError
from patwarden._types import Reason, RequestContext

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from patwarden._aio import AsyncClient
    from patwarden._client import Client
    from patwarden._types import Decision

_LOG = logging.getLogger("patwarden")

# One word of visible ASCII: the form of a credential in a header.
_WORD = re.compile(r"[!-~]+")
_REALM = re.compile(r"[ !#-\[\]-~]+")
# The forms of a type and an id that the server accepts, see `CheckRequest.resource`.
_TYPE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")
_ID = re.compile(r"[A-Za-z0-9_\-./@+=~|]{1,200}")

# Reasons for which a token cannot be used by anybody now. Others would help a thief.
_EXPLAINED = {
    Reason.TOKEN_EXPIRED,
    Reason.TOKEN_NOT_YET_VALID,
    Reason.TOKEN_REVOKED,
    Reason.TOKEN_SUPERSEDED,
    Reason.TOKEN_SUSPENDED,
    Reason.TOKEN_PENDING_APPROVAL,
    Reason.SUBJECT_DISABLED,
}

PROBLEM_TYPE = "application/problem+json"
"""The content type of a refusal (RFC 9457)."""

_SEND_ONE = "Send one token: as Authorization: Bearer, as X-API-Key or as the password of Basic."
_NOT_VALID = "The token is not valid: it may be incomplete, expired or revoked."
_NOT_ALLOWED = "The token does not allow this."

T = TypeVar("T")


class Public(Enum):
    """The type of `PUBLIC`."""

    PUBLIC = "PUBLIC"


PUBLIC = Public.PUBLIC
"""Returned by the callback of a middleware for a request that is not guarded."""

Permission = tuple[str, str]
"""The resource and the action that a request needs: `("document:roadmap", "viewer")`."""


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """The answer to a request that is not allowed."""

    def __init__(self, status: int, detail: str, *, reason: str | None = None, **headers: str) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.problem: dict[str, str | int] = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
        }
        """The body, a problem of RFC 9457."""
        if reason is not None:
            self.problem["reason"] = reason
        self.headers = {"Cache-Control": "no-store", **{name.replace("_", "-"): headers[name] for name in headers}}


class Guard:
    """The part that does no I/O and knows no framework."""

    def __init__(self, brand: str, realm: str, explain_invalid_token: bool) -> None:
        if not _REALM.fullmatch(realm):
            raise ValueError("realm must be printable ASCII without quotes and backslashes")
        self._prefix = f"{brand}_"
        self._challenge = f'Bearer realm="{realm}"'
        self._explain_invalid_token = explain_invalid_token

    def credential(self, authorization: Iterable[str], api_keys: Iterable[str]) -> str:
        """
        Returns the one credential in the values of the headers Authorization (Bearer, or the password of Basic) and
        X-API-Key. The same one may be sent in several; different ones and an unreadable one are refused.
        """
        found = [_of_authorization(value.strip(" \t")) for value in authorization]
        found += [value.strip(" \t") or None for value in api_keys]
        credentials = {credential for credential in found if credential is not None}
        if not credentials:
            raise self._unauthorized(_SEND_ONE, None)
        if len(credentials) > 1 or not all(map(_WORD.fullmatch, credentials)):
            raise self._unauthorized(_SEND_ONE, "invalid_request")
        return credentials.pop()

    def is_ours(self, credential: str) -> bool:
        return credential.startswith(self._prefix)

    def permission(self, permission: Permission | None) -> Permission:
        """
        Refuses `None`, which a callback returns for a route that it forgot, and an id that can never exist.

        The type, before the first colon, comes from the host: an impossible one is its mistake, and a 503.
        """
        if permission is None:
            raise Refused(403, _NOT_ALLOWED)
        resource = permission[0]
        kind, colon, name = resource.partition(":")
        if colon and _TYPE.fullmatch(kind) and not (_ID.fullmatch(name) and len(resource) <= 256):
            raise Refused(404, "There is no such resource.")
        return permission

    def admit(self, decision: Decision | None) -> Decision:
        """Refuses what is not allowed. `None` is a credential that the host's own verifier does not know."""
        if decision is None or not decision.token_valid:
            reason = decision.reason if decision is not None and self._explain_invalid_token else None
            raise self._unauthorized(_NOT_VALID, "invalid_token", reason.value if reason in _EXPLAINED else None)
        if not decision.allowed:
            raise Refused(403, _NOT_ALLOWED, reason=decision.reason.value)
        return decision

    def undecided(self, permission: Permission, error: PatwardenError) -> Refused:
        resource, action = permission
        cause = error.__cause__
        # The message of a gRPC error already holds its cause.
        reported = "" if cause is None or isinstance(cause, grpc.RpcError) else f"; cause: {cause!r}"
        _LOG.warning("no decision about %s of %s: %s%s", action, resource, error, reported)
        seconds = error.retry_delay.total_seconds() if error.retry_delay else 1
        retry_after = str(max(1, math.ceil(seconds)))
        return Refused(503, "No decision could be made. Try again.", reason=error.reason, Retry_After=retry_after)

    def _unauthorized(self, detail: str, error: str | None, reason: str | None = None) -> Refused:
        challenge = self._challenge if error is None else f'{self._challenge}, error="{error}"'
        return Refused(401, detail, reason=reason, WWW_Authenticate=challenge)


class SyncGuard(Guard):
    """For frameworks with threads."""

    def __init__(
        self,
        client: Client,
        realm: str,
        verify: Callable[[str, str, str], Decision | None] | None,
        explain_invalid_token: bool,
    ) -> None:
        super().__init__(client._settings.brand, realm, explain_invalid_token)
        self._client = client
        self._verify = verify

    def decide(self, credential: str, permission: Permission, client_ip: str | None) -> Decision:
        try:
            if self._verify is not None and not self.is_ours(credential):
                return self.admit(self._verify(credential, *permission))
            return self.admit(self._client.check(credential, *permission, context=RequestContext(client_ip)))
        except PatwardenError as error:
            raise self.undecided(permission, error) from error


class AsyncGuard(Guard):
    """For frameworks with asyncio."""

    def __init__(
        self,
        client: AsyncClient,
        realm: str,
        verify: Callable[[str, str, str], Decision | Awaitable[Decision | None] | None] | None,
        explain_invalid_token: bool,
    ) -> None:
        super().__init__(client._settings.brand, realm, explain_invalid_token)
        self._client = client
        self._verify = verify

    async def decide(self, credential: str, permission: Permission, client_ip: str | None) -> Decision:
        try:
            if self._verify is not None and not self.is_ours(credential):
                return self.admit(await settled(self._verify(credential, *permission)))
            return self.admit(await self._client.check(credential, *permission, context=RequestContext(client_ip)))
        except PatwardenError as error:
            raise self.undecided(permission, error) from error


async def settled(value: T | Awaitable[T]) -> T:
    """Awaits the result of a callback that may be async."""
    return await value if inspect.isawaitable(value) else value


def _of_authorization(value: str) -> str | None:
    """Returns `None` for a scheme that is not read, and for an unreadable credential a text that no credential has."""
    scheme, _, rest = value.replace("\t", " ").partition(" ")
    match scheme.lower():
        case "bearer":
            return rest.strip(" ")
        case "basic":
            return _password(rest.strip(" "))
        case _:
            return None


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
