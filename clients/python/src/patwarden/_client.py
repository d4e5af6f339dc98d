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
    A connection to Patwarden for threads; `AsyncClient` is the one for asyncio.

    One for a process is enough: it may be used by all threads at once. It connects with its first call and again when
    that was lost. It does not survive a fork: make it in the process that uses it. Errors of calls are
    `PatwardenError`.

    `endpoint` is `host:port` or a gRPC target such as `dns:///patwarden.internal:9081`. `key` is the service key, or
    a function that gives it and is asked for each call, so that a key can be replaced without a restart.

    - `ca`, `client_certificate`, `client_key`: PEM. Default: the certificate authorities of the system, no client
      certificate.
    - `plaintext`: without TLS, which is refused for any address but loopback: it would show the key and all tokens to
      the network. `dangerously_send_key_in_plaintext` does it all the same.
    - `check_timeout`, `timeout`: seconds for a call that is given no `timeout` of its own; the first for `check`,
      `batch_check` and `introspect`, default 1, the other for all else, default 10. Repetitions are within it.
    - `brand`: what the deployment's secrets begin with, its `tokens.brand`. Default `pw`. A secret of another is
      answered TOKEN_MALFORMED.

    `ValueError` for options that cannot be.
    """

    authorization: v1.AuthorizationServiceStub
    """The generated stubs, for all that has no method here. Key, default timeout, repetition and `request_id` are the
    same as for methods, and errors are `PatwardenError`, but for those of a `future()` and of a stream, which
    `PatwardenError.of` reads."""
    tokens: v1.TokenServiceStub
    subjects: v1.SubjectServiceStub
    policies: v1.PolicyServiceStub
    audit: v1.AuditServiceStub
    usage: v1.UsageServiceStub

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
        Whether the bearer of the token may do the action, an OpenFGA relation, to the resource, an OpenFGA object
        `type:id`.

        A denial is a `Decision`. `claims` names the token's claims wanted back, at most 32; `*` alone means all. A
        token that is none is answered TOKEN_MALFORMED without a call.
        """
        if is_malformed(token, self._settings.brand):
            return MALFORMED
        request = check_message(CheckItem(token, resource, action, context, consistency), claims)
        return decision_of(self.authorization.Check(request, timeout=timeout))

    def batch_check(
        self, items: Iterable[CheckItem], *, timeout: float | None = None
    ) -> list[Decision | PatwardenError]:
        """
        Up to 500 questions, 256 KiB together, in one call. Gives for each, in order, its decision, or why there is
        none: an error of one does not touch its neighbours and is not raised. Raises what concerns the call as a
        whole.
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
        The resources of a type on which the token may do the action. It is for showing a list: ask `check` before
        acting on an entry. `timeout` is for the list as a whole.
        """
        if is_malformed(token, self._settings.brand):
            return ResourceList(iter([MALFORMED_LIST]))
        request = list_message(token, type, action, context, consistency)
        return ResourceList(self.authorization.ListResources(request, timeout=timeout))

    def introspect(
        self, token: str | Secret, *, context: RequestContext | None = None, timeout: float | None = None
    ) -> Introspection:
        """What a token is, without asking OpenFGA."""
        if is_malformed(token, self._settings.brand):
            return MALFORMED_INTROSPECTION
        return introspection_of(self.authorization.Introspect(introspect_message(token, context), timeout=timeout))

    def list_tokens(self, request: v1.ListTokensRequest | None = None) -> Iterator[v1.Token]:
        """All tokens that the filters of the request let through, newest first, received page by page as they are
        read."""
        return _pages(self.tokens.ListTokens, request or v1.ListTokensRequest(), "tokens")

    def list_audit_events(self, request: v1.ListAuditEventsRequest | None = None) -> Iterator[v1.AuditEvent]:
        """All events that the filters of the request let through, newest first, as `list_tokens`."""
        return _pages(self.audit.ListAuditEvents, request or v1.ListAuditEventsRequest(), "events")

    def query_usage(self, request: v1.QueryUsageRequest | None = None) -> Iterator[v1.UsageRow]:
        """All sums that the request asks for, in the order of time and then of the dimensions, as `list_tokens`."""
        return _pages(self.usage.QueryUsage, request or v1.QueryUsageRequest(), "rows")

    def close(self) -> None:
        """Ends the connection and all calls that are under way. The client is of no use afterwards."""
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
    """Gives each call the key and a timeout, and its error the type of this package."""

    def __init__(self, settings: Settings, key: str | Callable[[], str]) -> None:
        self._settings = settings
        self._key = key
        if isinstance(key, str):
            authorization(key)

    def intercept_unary_unary(self, continuation: Any, details: grpc.ClientCallDetails, request: Any) -> Any:
        outcome = continuation(self._complete(details), repeatable(request))
        # That of a future() is not done yet, and is left as it is.
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
            raise PatwardenError(grpc.StatusCode.UNAUTHENTICATED, "the callback gave no service key") from error


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
