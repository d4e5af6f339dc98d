from __future__ import annotations

import asyncio
import inspect
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import grpc

from patwarden import v1
from patwarden._coalescer import Coalescer
from patwarden._errors import PatwardenError
from patwarden._resources import AsyncResourceList
from patwarden._settings import DEFAULT_CHECK_TIMEOUT, DEFAULT_TIMEOUT, Settings, authorization, repeatable
from patwarden._types import CheckItem, Consistency, Decision, Introspection, RequestContext
from patwarden._wire import (
    MALFORMED,
    MALFORMED_INTROSPECTION,
    MALFORMED_LIST,
    Batch,
    check_message,
    decision_of,
    introspect_message,
    introspection_of,
    is_malformed,
    item_message,
    list_message,
    results_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
    from types import TracebackType

    from patwarden._secret import Secret

    _Metadata = Iterable[tuple[str, str | bytes]]


class AsyncClient:
    """
    A connection to Patwarden for asyncio.

    Make one for the process, also before the event loop runs. It connects with its first call, and belongs to the
    loop and the process of that call. Calls raise `PatwardenError`.

    The options are those of `Client`, and:

    - `key` may also be an async function.
    - `coalesce`: sends checks made in the same turn of the event loop as one BatchCheck. Each keeps its own context,
      consistency, timeout and result. A single one, or one that asks for claims, is sent as Check. Default true.
    """

    def __init__(
        self,
        endpoint: str,
        key: str | Callable[[], str | Awaitable[str]],
        *,
        ca: bytes | None = None,
        client_certificate: bytes | None = None,
        client_key: bytes | None = None,
        plaintext: bool = False,
        dangerously_send_key_in_plaintext: bool = False,
        check_timeout: float = DEFAULT_CHECK_TIMEOUT,
        timeout: float = DEFAULT_TIMEOUT,
        brand: str = "pw",
        coalesce: bool = True,
    ) -> None:
        self._settings = Settings(
            endpoint=endpoint,
            brand=brand,
            ca=ca,
            client_certificate=client_certificate,
            client_key=client_key,
            plaintext=plaintext,
            dangerously_send_key_in_plaintext=dangerously_send_key_in_plaintext,
            check_timeout=check_timeout,
            timeout=timeout,
        )
        if isinstance(key, str):
            authorization(key)
        self._key = key
        self._coalesce = coalesce

    @cached_property
    def authorization(self) -> v1.AuthorizationServiceAsyncStub:
        """
        The generated stubs, as in `Client`. Their calls can only be awaited or iterated over, and raise
        `PatwardenError`.
        """
        return v1.AuthorizationServiceStub(self._channel)

    @cached_property
    def tokens(self) -> v1.TokenServiceAsyncStub:
        return v1.TokenServiceStub(self._channel)

    @cached_property
    def subjects(self) -> v1.SubjectServiceAsyncStub:
        return v1.SubjectServiceStub(self._channel)

    @cached_property
    def policies(self) -> v1.PolicyServiceAsyncStub:
        return v1.PolicyServiceStub(self._channel)

    @cached_property
    def audit(self) -> v1.AuditServiceAsyncStub:
        return v1.AuditServiceStub(self._channel)

    @cached_property
    def usage(self) -> v1.UsageServiceAsyncStub:
        return v1.UsageServiceStub(self._channel)

    @cached_property
    def self_service(self) -> v1.SelfServiceAsyncStub:
        return v1.SelfServiceStub(self._channel)

    async def check(
        self,
        token: str | Secret,
        resource: str,
        action: str,
        *,
        context: RequestContext | None = None,
        claims: Sequence[str] = (),
        consistency: Consistency | None = None,
        timeout: float | None = None,
    ) -> Decision:
        """As `Client.check`."""
        if is_malformed(token, self._settings.brand):
            return MALFORMED
        item = CheckItem(token, resource, action, context, consistency)
        if self._coalesce and not claims:
            return await self._coalescer.check(
                item_message(item), self._settings.check_timeout if timeout is None else timeout
            )
        return decision_of(await self.authorization.Check(check_message(item, claims), timeout=timeout))

    async def batch_check(
        self, items: Iterable[CheckItem], *, timeout: float | None = None
    ) -> list[Decision | PatwardenError]:
        """As `Client.batch_check`."""
        batch = Batch(items, self._settings.brand)
        if not batch.asks:
            return batch.together([])
        response = await self.authorization.BatchCheck(v1.BatchCheckRequest(items=batch.messages), timeout=timeout)
        return batch.together(results_of(response, len(batch.messages)))

    async def list_resources(
        self,
        token: str | Secret,
        type: str,  # noqa: A002 - the word of the API
        action: str,
        *,
        context: RequestContext | None = None,
        consistency: Consistency | None = None,
        timeout: float | None = None,
    ) -> AsyncResourceList:
        """As `Client.list_resources`: `async for resource in await client.list_resources(...)`."""
        if is_malformed(token, self._settings.brand):
            return await AsyncResourceList.begin(_only(MALFORMED_LIST))
        request = list_message(token, type, action, context, consistency)
        return await AsyncResourceList.begin(aiter(self.authorization.ListResources(request, timeout=timeout)))

    async def introspect(
        self, token: str | Secret, *, context: RequestContext | None = None, timeout: float | None = None
    ) -> Introspection:
        """As `Client.introspect`."""
        if is_malformed(token, self._settings.brand):
            return MALFORMED_INTROSPECTION
        request = introspect_message(token, context)
        return introspection_of(await self.authorization.Introspect(request, timeout=timeout))

    def list_tokens(self, request: v1.ListTokensRequest | None = None) -> AsyncIterator[v1.Token]:
        """As `Client.list_tokens`, for `async for`."""
        return _pages(self.tokens.ListTokens, request or v1.ListTokensRequest(), "tokens")

    def list_audit_events(self, request: v1.ListAuditEventsRequest | None = None) -> AsyncIterator[v1.AuditEvent]:
        """As `Client.list_audit_events`, for `async for`."""
        return _pages(self.audit.ListAuditEvents, request or v1.ListAuditEventsRequest(), "events")

    def query_usage(self, request: v1.QueryUsageRequest | None = None) -> AsyncIterator[v1.UsageRow]:
        """As `Client.query_usage`, for `async for`."""
        return _pages(self.usage.QueryUsage, request or v1.QueryUsageRequest(), "rows")

    async def close(self) -> None:
        """Closes the connection and cancels all running calls. The client cannot be used afterwards."""
        if "_connection" in self.__dict__:
            await self._connection.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self._settings.endpoint!r})"

    @cached_property
    def _connection(self) -> grpc.aio.Channel:
        # It belongs to the loop in which it is made, so there must be one.
        asyncio.get_running_loop()
        endpoint, credentials = self._settings.endpoint, self._settings.credentials()
        if credentials is None:
            return grpc.aio.insecure_channel(endpoint, self._settings.channel_options())
        return grpc.aio.secure_channel(endpoint, credentials, self._settings.channel_options())

    @cached_property
    def _channel(self) -> grpc.aio.Channel:
        # Stubs use only these two methods of a channel.
        return cast("grpc.aio.Channel", _Channel(self._connection, self._settings, self._key))

    @cached_property
    def _coalescer(self) -> Coalescer:
        return Coalescer(self.authorization)


async def _only(message: v1.ListResourcesResponse) -> AsyncIterator[v1.ListResourcesResponse]:
    yield message


async def _pages(call: Callable[[Any], Awaitable[Any]], request: Any, rows: str) -> AsyncIterator[Any]:
    asked = type(request)()
    asked.CopyFrom(request)
    while True:
        page = await call(asked)
        for row in getattr(page, rows):
            yield row
        if not page.next_page_token:
            return
        asked.page_token = page.next_page_token


class _Channel:
    """
    A channel for the generated stubs, which adds the key and a timeout to each call and converts its error.

    It is not an interceptor, because those of `grpc.aio` print a traceback for each error that they raise (1.72 to
    1.80 at least).
    """

    def __init__(
        self, channel: grpc.aio.Channel, settings: Settings, key: str | Callable[[], str | Awaitable[str]]
    ) -> None:
        self._channel = channel
        self._settings = settings
        self._key = key

    def unary_unary(self, method: str, **codec: Any) -> Callable[..., Awaitable[Any]]:
        send = self._channel.unary_unary(method, **codec)

        async def call(request: Any, *, timeout: float | None = None, metadata: _Metadata = (), **others: Any) -> Any:
            left, headers = await self._complete(method, timeout, metadata)
            try:
                return await send(repeatable(request), timeout=left, metadata=headers, **others)
            except grpc.RpcError as error:
                raise PatwardenError.of(error) from error

        return call

    def unary_stream(self, method: str, **codec: Any) -> Callable[..., AsyncIterator[Any]]:
        send = self._channel.unary_stream(method, **codec)

        async def call(
            request: Any, *, timeout: float | None = None, metadata: _Metadata = (), **others: Any
        ) -> AsyncIterator[Any]:
            left, headers = await self._complete(method, timeout, metadata)
            messages = send(request, timeout=left, metadata=headers, **others)
            try:
                async for message in messages:
                    yield message
            except grpc.RpcError as error:
                raise PatwardenError.of(error) from error
            finally:
                messages.cancel()

        return call

    async def _complete(
        self, method: str, timeout: float | None, metadata: _Metadata
    ) -> tuple[float, tuple[tuple[str, str | bytes], ...]]:
        """Returns the time that is left when the key is known, and the metadata with the key."""
        loop = asyncio.get_running_loop()
        seconds = self._settings.timeout_of(method) if timeout is None else timeout
        end = loop.time() + seconds
        key = ("authorization", await self._authorization(seconds))
        return end - loop.time(), (*metadata, key)

    async def _authorization(self, timeout: float) -> str:
        if isinstance(self._key, str):
            return authorization(self._key)
        try:
            key = self._key()
            return authorization(await asyncio.wait_for(key, timeout) if inspect.isawaitable(key) else key)
        except asyncio.TimeoutError as error:
            raise PatwardenError(
                grpc.StatusCode.DEADLINE_EXCEEDED, "the function for the service key did not return within the timeout"
            ) from error
        except Exception as error:
            raise PatwardenError(
                grpc.StatusCode.UNAUTHENTICATED, "the function for the service key failed or returned no valid key"
            ) from error
