from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import grpc

from patwarden import v1
from patwarden._errors import PatwardenError
from patwarden._resources import ResourceList
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
    list_message,
    results_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import TracebackType

    from patwarden._secret import Secret


class Client:
    """
    A connection to Patwarden for threads; for asyncio use `AsyncClient`.

    Make one for the process: all threads can use it at once. It connects with its first call and reconnects by
    itself. It does not survive a fork: make it in the process that uses it. Calls raise `PatwardenError`.

    `endpoint` is `host:port` or a gRPC target such as `dns:///patwarden.internal:9081`. `key` is the service key, or
    a function that returns it; it is called for each call, so that a key can be replaced without a restart.

    - `ca`, `client_certificate`, `client_key`: PEM. Default: the certificate authorities of the system, no client
      certificate.
    - `plaintext`: disables TLS, for loopback only. `dangerously_send_key_in_plaintext` disables it for any address:
      the network can then read the key and all tokens.
    - `check_timeout`, `timeout`: seconds for a call without a `timeout` of its own. The first is for `check`,
      `batch_check` and `introspect`, default 1, the second for all other calls, default 10. They include retries.
    - `brand`: the server's `tokens.brand`. Default `pw`. A secret of another brand is answered TOKEN_MALFORMED.

    Raises `ValueError` for invalid options.
    """

    authorization: v1.AuthorizationServiceStub
    """The generated stubs, for calls that have no method here. They have the same key, default timeouts, retries and
    `request_id`, and raise `PatwardenError`; only the errors of a `future()` and of a stream are gRPC's, which
    `PatwardenError.of` reads."""
    tokens: v1.TokenServiceStub
    subjects: v1.SubjectServiceStub
    policies: v1.PolicyServiceStub
    audit: v1.AuditServiceStub
    usage: v1.UsageServiceStub
    self_service: v1.SelfServiceStub

    def __init__(
        self,
        endpoint: str,
        key: str | Callable[[], str],
        *,
        ca: bytes | None = None,
        client_certificate: bytes | None = None,
        client_key: bytes | None = None,
        plaintext: bool = False,
        dangerously_send_key_in_plaintext: bool = False,
        check_timeout: float = DEFAULT_CHECK_TIMEOUT,
        timeout: float = DEFAULT_TIMEOUT,
        brand: str = "pw",
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
        interceptor = _Interceptor(self._settings, key)
        credentials, options = self._settings.credentials(), self._settings.channel_options()
        self._channel = (
            grpc.insecure_channel(endpoint, options)
            if credentials is None
            else grpc.secure_channel(endpoint, credentials, options)
        )
        channel = grpc.intercept_channel(self._channel, interceptor)
        self.authorization = v1.AuthorizationServiceStub(channel)
        self.tokens = v1.TokenServiceStub(channel)
        self.subjects = v1.SubjectServiceStub(channel)
        self.policies = v1.PolicyServiceStub(channel)
        self.audit = v1.AuditServiceStub(channel)
        self.usage = v1.UsageServiceStub(channel)
        self.self_service = v1.SelfServiceStub(channel)

    def check(
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
        """
        Decides whether the bearer of the token may do the action, an OpenFGA relation, on the resource, an OpenFGA
        object `type:id`.

        A denial is a `Decision`. `claims` names the token's claims to return, at most 32; `*` alone means all. A
        malformed token is answered TOKEN_MALFORMED without a call.
        """
        if is_malformed(token, self._settings.brand):
            return MALFORMED
        request = check_message(CheckItem(token, resource, action, context, consistency), claims)
        return decision_of(self.authorization.Check(request, timeout=timeout))

    def batch_check(
        self, items: Iterable[CheckItem], *, timeout: float | None = None
    ) -> list[Decision | PatwardenError]:
        """
        Makes up to 500 checks, of 256 KiB together, in one call. Returns for each, in order, its decision or its
        error. Raises only when the whole call fails.
        """
        batch = Batch(items, self._settings.brand)
        if not batch.asks:
            return batch.together([])
        response = self.authorization.BatchCheck(v1.BatchCheckRequest(items=batch.messages), timeout=timeout)
        return batch.together(results_of(response, len(batch.messages)))

    def list_resources(
        self,
        token: str | Secret,
        type: str,  # noqa: A002 - the word of the API
        action: str,
        *,
        context: RequestContext | None = None,
        consistency: Consistency | None = None,
        timeout: float | None = None,
    ) -> ResourceList:
        """
        Lists the resources of a type on which the token may do the action. The list is for display: check before
        acting on an entry. `timeout` is for the whole list.
        """
        if is_malformed(token, self._settings.brand):
            return ResourceList(iter([MALFORMED_LIST]))
        request = list_message(token, type, action, context, consistency)
        return ResourceList(self.authorization.ListResources(request, timeout=timeout))

    def introspect(
        self, token: str | Secret, *, context: RequestContext | None = None, timeout: float | None = None
    ) -> Introspection:
        """Returns the state of a token, without asking OpenFGA."""
        if is_malformed(token, self._settings.brand):
            return MALFORMED_INTROSPECTION
        return introspection_of(self.authorization.Introspect(introspect_message(token, context), timeout=timeout))

    def list_tokens(self, request: v1.ListTokensRequest | None = None) -> Iterator[v1.Token]:
        """Iterates over all tokens that match the request, newest first, and fetches a page at a time."""
        return _pages(self.tokens.ListTokens, request or v1.ListTokensRequest(), "tokens")

    def list_audit_events(self, request: v1.ListAuditEventsRequest | None = None) -> Iterator[v1.AuditEvent]:
        """Iterates over all audit events that match the request, newest first, and fetches a page at a time."""
        return _pages(self.audit.ListAuditEvents, request or v1.ListAuditEventsRequest(), "events")

    def query_usage(self, request: v1.QueryUsageRequest | None = None) -> Iterator[v1.UsageRow]:
        """Iterates over all sums, ordered by time and then by the dimensions, and fetches a page at a time."""
        return _pages(self.usage.QueryUsage, request or v1.QueryUsageRequest(), "rows")

    def close(self) -> None:
        """Closes the connection and cancels all running calls. The client cannot be used afterwards."""
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._settings.endpoint!r})"


def _pages(call: Callable[[Any], Any], request: Any, rows: str) -> Iterator[Any]:
    asked = type(request)()
    asked.CopyFrom(request)
    while True:
        page = call(asked)
        yield from getattr(page, rows)
        if not page.next_page_token:
            return
        asked.page_token = page.next_page_token


class _Interceptor(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Adds the key and a timeout to each call, and converts its error."""

    def __init__(self, settings: Settings, key: str | Callable[[], str]) -> None:
        self._settings = settings
        self._key = key
        if isinstance(key, str):
            authorization(key)

    def intercept_unary_unary(self, continuation: Any, details: grpc.ClientCallDetails, request: Any) -> Any:
        outcome = continuation(self._complete(details), repeatable(request))
        # A future() is not done yet, and its error stays gRPC's.
        error = outcome.exception() if outcome.done() else None
        if isinstance(error, grpc.RpcError):
            raise PatwardenError.of(error) from error
        return outcome

    def intercept_unary_stream(self, continuation: Any, details: grpc.ClientCallDetails, request: Any) -> Any:
        return continuation(self._complete(details), request)

    def _complete(self, details: grpc.ClientCallDetails) -> grpc.ClientCallDetails:
        begin = time.monotonic()
        timeout = self._settings.timeout_of(details.method) if details.timeout is None else details.timeout
        key = ("authorization", self._authorization())
        return _CallDetails(details, timeout - (time.monotonic() - begin), (*(details.metadata or ()), key))

    def _authorization(self) -> str:
        if isinstance(self._key, str):
            return authorization(self._key)
        try:
            return authorization(self._key())
        except Exception as error:
            raise PatwardenError(
                grpc.StatusCode.UNAUTHENTICATED, "the function for the service key failed or returned no valid key"
            ) from error


class _CallDetails(grpc.ClientCallDetails):
    def __init__(
        self, of: grpc.ClientCallDetails, timeout: float, metadata: tuple[tuple[str, str | bytes], ...]
    ) -> None:
        self.method = of.method
        self.timeout = timeout
        self.metadata = metadata
        self.credentials = of.credentials
        self.wait_for_ready = of.wait_for_ready
        self.compression = of.compression
