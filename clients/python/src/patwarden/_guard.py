"""What the guards of all frameworks do: read the credential of a request, have it decided, and say what to answer."""

from __future__ import annotations

import base64
import binascii
import inspect
import logging
import math
import re
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from patwarden._errors import PatwardenError
from patwarden._types import RequestContext

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from patwarden._aio import AsyncClient
    from patwarden._client import Client
    from patwarden._types import Decision

_LOG = logging.getLogger("patwarden")

# Visible ASCII: what an authentication scheme and what a header can hold in one word.
_WORD = re.compile(r"[!-~]+")
_REALM = re.compile(r"[ !#-\[\]-~]+")

T = TypeVar("T")


class Public(Enum):
    """The type of `PUBLIC`."""

    PUBLIC = "PUBLIC"


PUBLIC = Public.PUBLIC
"""What the callback of a middleware gives for a request that is not guarded."""

Permission = tuple[str, str]
"""The resource and the action that a request needs: `("document:roadmap", "viewer")`."""


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """What is answered to a request that does not pass."""

    def __init__(self, status: int, detail: str, headers: dict[str, str]) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.headers = {"Cache-Control": "no-store", **headers}


class Guard:
    """The part that neither waits nor knows a framework."""

    def __init__(self, brand: str, realm: str) -> None:
        if not _REALM.fullmatch(realm):
            raise ValueError("realm must be printable ASCII without quotes and backslashes")
        self._prefix = f"{brand}_"
        self._challenge = f'Bearer realm="{realm}"'

    def credential(self, authorization: Iterable[str], api_keys: Iterable[str]) -> str:
        """
        The one credential in the values of the headers Authorization (Bearer, or the password of Basic) and
        X-API-Key. The same may stand in several; two different ones, or one that cannot be read, are refused.
        """
        found = [_of_authorization(value.strip(" \t")) for value in authorization]
        found += [value.strip(" \t") or None for value in api_keys]
        credentials = {credential for credential in found if credential is not None}
        if not credentials:
            raise self._unauthorized("No credential arrived: send Authorization: Bearer, or X-API-Key.", None)
        if len(credentials) > 1 or not all(map(_WORD.fullmatch, credentials)):
            raise self._unauthorized("The request must have one well-formed credential.", "invalid_request")
        return credentials.pop()

    def is_ours(self, credential: str) -> bool:
        return credential.startswith(self._prefix)

    def permission(self, permission: Permission | None) -> Permission:
        """`None` is what a callback gives that has forgotten a route: it is refused, not let through."""
        if permission is None:
            raise Refused(403, "Not allowed.", {})
        return permission

    def admit(self, decision: Decision | None) -> Decision:
        """`None` is a credential that the host's own verifier knows nothing about."""
        if decision is None or not decision.token_valid:
            raise self._unauthorized("The credential is not valid.", "invalid_token")
        if not decision.allowed:
            raise Refused(403, f"Not allowed: {decision.reason.value}.", {})
        return decision

    def undecided(self, error: PatwardenError) -> Refused:
        _LOG.warning("no decision could be made: %s", error)
        seconds = error.retry_delay.total_seconds() if error.retry_delay else 1
        return Refused(503, "No decision could be made. Try again.", {"Retry-After": str(max(1, math.ceil(seconds)))})

    def _unauthorized(self, detail: str, error: str | None) -> Refused:
        challenge = self._challenge if error is None else f'{self._challenge}, error="{error}"'
        return Refused(401, detail, {"WWW-Authenticate": challenge})


class SyncGuard(Guard):
    """For frameworks of threads."""

    def __init__(self, client: Client, realm: str, verify: Callable[[str, str, str], Decision | None] | None) -> None:
        super().__init__(client._settings.brand, realm)
        self._client = client
        self._verify = verify

    def decide(self, credential: str, permission: Permission, client_ip: str | None) -> Decision:
        try:
            if self._verify is not None and not self.is_ours(credential):
                return self.admit(self._verify(credential, *permission))
            return self.admit(self._client.check(credential, *permission, context=RequestContext(client_ip)))
        except PatwardenError as error:
            raise self.undecided(error) from error


class AsyncGuard(Guard):
    """For frameworks of asyncio."""

    def __init__(
        self,
        client: AsyncClient,
        realm: str,
        verify: Callable[[str, str, str], Decision | Awaitable[Decision | None] | None] | None,
    ) -> None:
        super().__init__(client._settings.brand, realm)
        self._client = client
        self._verify = verify

    async def decide(self, credential: str, permission: Permission, client_ip: str | None) -> Decision:
        try:
            if self._verify is not None and not self.is_ours(credential):
                return self.admit(await settled(self._verify(credential, *permission)))
            return self.admit(await self._client.check(credential, *permission, context=RequestContext(client_ip)))
        except PatwardenError as error:
            raise self.undecided(error) from error


async def settled(value: T | Awaitable[T]) -> T:
    """Of a callback that may be async or not."""
    return await value if inspect.isawaitable(value) else value


def _of_authorization(value: str) -> str | None:
    """`None` for a scheme that is not read. What cannot be read comes back as a text that no credential is."""
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
