"""What every call carries, how long it may take, what is tried again, and what comes of errors. Of both clients."""

from __future__ import annotations

import asyncio
import pickle
import socket
import uuid
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from either import connected
from environment import PATIENCE
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from stand_in import METHODS, TOKEN, Call, StandIn

from patwarden import AsyncClient, Client, Decision, PatwardenError, Reason, Secret, duration, timestamp, v1

if TYPE_CHECKING:
    from collections.abc import Callable

# gRPC rounds up what it tells the server.
ROUNDED = 1.02


def fails(times: int, code: grpc.StatusCode) -> Callable[[Call, grpc.ServicerContext], Any]:
    """Fails so many times, and then answers."""
    left = times

    def answer(call: Call, context: grpc.ServicerContext) -> Any:
        nonlocal left
        if left > 0:
            left -= 1
            context.abort(code, "not now")
        output = getattr(v1, METHODS[call.method].output_type.name)
        return output(reason=v1.REASON_ALLOWED) if "reason" in output.DESCRIPTOR.fields_by_name else output()

    return answer


async def test_key_and_user_agent(stand_in: StandIn, kind: str) -> None:
    async with connected(kind, stand_in.endpoint) as client:
        await client.check(TOKEN, "a:yes", "viewer")
        for path in METHODS:
            await client.call(path)
    assert len(stand_in.calls) == len(METHODS) + 1
    for call in stand_in.calls:
        assert call.metadata["authorization"] == "Bearer key"
        assert str(call.metadata["user-agent"]).startswith("patwarden-python/0.1.0 grpc-python")


async def test_metadata_of_the_caller_goes_along(stand_in: StandIn, kind: str) -> None:
    async with connected(kind, stand_in.endpoint) as client:
        metadata = (("patwarden-user-authorization", "Bearer theirs"),)
        await client.call("/patwarden.v1.TokenService/GetToken", metadata=metadata)
    [call] = stand_in.calls
    assert call.metadata["patwarden-user-authorization"] == "Bearer theirs"
    assert call.metadata["authorization"] == "Bearer key"


async def test_a_callback_is_asked_for_each_call(stand_in: StandIn, kind: str) -> None:
    keys = iter(["first", "second"])
    async with connected(kind, stand_in.endpoint, lambda: next(keys)) as client:
        await client.check(TOKEN, "a:yes", "viewer")
        await client.check(TOKEN, "a:yes", "viewer")
    assert [call.metadata["authorization"] for call in stand_in.calls] == ["Bearer first", "Bearer second"]


async def test_an_async_callback(stand_in: StandIn) -> None:
    async def key() -> str:
        await asyncio.sleep(0)
        return "theirs"

    async with AsyncClient(stand_in.endpoint, key, plaintext=True) as client:
        await client.check(TOKEN, "a:yes", "viewer")
        await client.list_resources(TOKEN, "a", "viewer")
    assert [call.metadata["authorization"] for call in stand_in.calls] == ["Bearer theirs"] * 2


@pytest.mark.parametrize("path", ["Check", "ListResources"])
async def test_a_callback_that_fails_calls_nobody(stand_in: StandIn, kind: str, path: str) -> None:
    def key() -> str:
        raise OSError("no file")

    async with connected(kind, stand_in.endpoint, key) as client:
        with pytest.raises(PatwardenError) as raised:
            await client.call(f"/patwarden.v1.AuthorizationService/{path}")
    assert raised.value.code is grpc.StatusCode.UNAUTHENTICATED
    assert isinstance(raised.value.__cause__, OSError)
    assert stand_in.calls == []


@pytest.mark.parametrize("key", ["", "two words", "line end\n", "ключ", "\x00", None, b"bytes"])
async def test_a_key_that_cannot_be_one_is_not_shown(stand_in: StandIn, kind: str, key: Any) -> None:
    if isinstance(key, str):
        with pytest.raises(ValueError, match="visible ASCII") as refused:
            async with connected(kind, stand_in.endpoint, key):
                pass
        assert not key or key not in str(refused.value)
    async with connected(kind, stand_in.endpoint, lambda: key) as client:
        with pytest.raises(PatwardenError) as raised:
            await client.check(TOKEN, "a:yes", "viewer")
    assert raised.value.code is grpc.StatusCode.UNAUTHENTICATED
    assert not key or str(key) not in f"{raised.value} {raised.value.__cause__}"
    assert stand_in.calls == []


@pytest.mark.parametrize("coalesce", [True, False])
async def test_a_slow_callback_is_within_the_timeout(stand_in: StandIn, coalesce: bool) -> None:
    async def key() -> str:
        await asyncio.sleep(PATIENCE * 2)
        return "late"

    async with AsyncClient(stand_in.endpoint, key, plaintext=True, check_timeout=0.05, coalesce=coalesce) as client:
        with pytest.raises(PatwardenError) as raised:
            await client.check(TOKEN, "a:yes", "viewer")
    assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert stand_in.calls == []


@pytest.mark.parametrize("path", METHODS)
async def test_timeouts(stand_in: StandIn, kind: str, path: str) -> None:
    of_checks = path.endswith(("/Check", "/BatchCheck", "/Introspect"))
    async with connected(kind, stand_in.endpoint, check_timeout=100, timeout=1000) as client:
        await client.call(path)
        await client.call(path, timeout=10_000)
    without, own = stand_in.calls
    most = 100 if of_checks else 1000
    assert most - PATIENCE < without.time_remaining <= most * ROUNDED
    assert 10_000 - PATIENCE < own.time_remaining <= 10_000 * ROUNDED


async def test_timeouts_by_default(stand_in: StandIn, kind: str) -> None:
    async with connected(kind, stand_in.endpoint) as client:
        await client.call("/patwarden.v1.AuthorizationService/Check")
        await client.call("/patwarden.v1.TokenService/GetToken")
    check, other = stand_in.calls
    assert 0 < check.time_remaining <= 1 * ROUNDED < other.time_remaining <= 10 * ROUNDED


@pytest.mark.parametrize("path", METHODS)
async def test_what_is_tried_again(stand_in: StandIn, kind: str, path: str) -> None:
    """UNAVAILABLE only, and only where a repetition changes nothing more."""
    service, name = path.removeprefix("/patwarden.v1.").split("/")
    repeatable = (
        service == "AuthorizationService"
        or name.startswith(("Explain", "Get", "List", "Query", "Revoke"))
        or name in ("CreateToken", "RotateToken")
    )
    stand_in.answers[name] = fails(2, grpc.StatusCode.UNAVAILABLE)
    async with connected(kind, stand_in.endpoint, check_timeout=PATIENCE, timeout=PATIENCE) as client:
        if repeatable:
            await client.call(path)
            assert len(stand_in.calls) == 3
            assert stand_in.calls[2].metadata["grpc-previous-rpc-attempts"] == "2"
            assert stand_in.calls[0].request == stand_in.calls[2].request
        else:
            with pytest.raises(PatwardenError) as raised:
                await client.call(path)
            assert raised.value.code is grpc.StatusCode.UNAVAILABLE
            assert len(stand_in.calls) == 1


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code.name not in ("OK", "UNAVAILABLE")])
async def test_other_errors_are_not_tried_again(stand_in: StandIn, kind: str, code: grpc.StatusCode) -> None:
    stand_in.answers["Check"] = fails(1, code)
    async with connected(kind, stand_in.endpoint, check_timeout=PATIENCE) as client:
        with pytest.raises(PatwardenError) as raised:
            await client.check(TOKEN, "a:yes", "viewer")
        assert (raised.value.code, raised.value.message) == (code, "not now")
        assert raised.value.reason is None
    assert len(stand_in.calls) == 1


async def test_it_gives_up_after_four_attempts(stand_in: StandIn, kind: str) -> None:
    stand_in.answers["Check"] = fails(10, grpc.StatusCode.UNAVAILABLE)
    async with connected(kind, stand_in.endpoint, check_timeout=PATIENCE) as client:
        with pytest.raises(PatwardenError) as raised:
            await client.check(TOKEN, "a:yes", "viewer")
        assert raised.value.code is grpc.StatusCode.UNAVAILABLE
        assert len(stand_in.calls) == 4
        # The budget is spent: what follows is tried once.
        for _ in range(3):
            with pytest.raises(PatwardenError):
                await client.check(TOKEN, "a:yes", "viewer")
        assert len(stand_in.calls) <= 4 + 4


@pytest.mark.parametrize("path", ["/patwarden.v1.TokenService/CreateToken", "/patwarden.v1.TokenService/RotateToken"])
async def test_request_ids(stand_in: StandIn, kind: str, path: str) -> None:
    message = getattr(v1, METHODS[path].input_type.name)
    without = message()
    async with connected(kind, stand_in.endpoint) as client:
        await client.call(path, without)
        await client.call(path, without)
        await client.call(path, message(request_id="theirs"))
    first, second, theirs = (call.request.request_id for call in stand_in.calls)
    assert first != second
    assert str(uuid.UUID(first)) == first
    assert theirs == "theirs"
    # The caller's own message is left as it was.
    assert without == message()


def _packed(*details: Any) -> bytes:
    status = status_pb2.Status(code=14, message="ignored")
    for detail in details:
        packed = any_pb2.Any()
        if isinstance(detail, any_pb2.Any):
            packed.CopyFrom(detail)
        else:
            packed.Pack(detail)
        status.details.append(packed)
    encoded: bytes = status.SerializeToString()
    return encoded


_INFO = error_details_pb2.ErrorInfo(reason="OVERLOADED", domain="patwarden.v1", metadata={"limit": "lists"})
_DAMAGED = any_pb2.Any(type_url="type.googleapis.com/google.rpc.BadRequest", value=b"\xff\xff\xff")
_STRANGE = any_pb2.Any(type_url="type.googleapis.com/acme.Unknown", value=b"")


def _aborts(code: grpc.StatusCode, details: bytes, *metadata: tuple[str, str]) -> Callable[[Call, Any], Any]:
    def answer(_call: Call, context: grpc.ServicerContext) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", details), *metadata))
        context.abort(code, "said so")

    return answer


async def test_details_of_an_error(stand_in: StandIn, kind: str) -> None:
    details = _packed(
        _STRANGE,
        _DAMAGED,
        _INFO,
        error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=1, nanos=500_000_000)),
        error_details_pb2.BadRequest(field_violations=[{"field": "items[2].resource", "description": "no id"}]),
        error_details_pb2.RequestInfo(request_id="of the detail"),
    )
    stand_in.answers["Check"] = _aborts(
        grpc.StatusCode.RESOURCE_EXHAUSTED, details, ("x-request-id", "of the metadata")
    )
    async with connected(kind, stand_in.endpoint) as client:
        with pytest.raises(PatwardenError) as raised:
            await client.check(TOKEN, "a:yes", "viewer")
    error = raised.value
    assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    assert error.metadata == {"limit": "lists"}
    assert error.retry_delay == timedelta(seconds=1.5)
    assert [(violation.field, violation.description) for violation in error.field_violations] == [
        ("items[2].resource", "no id")
    ]
    assert error.request_id == "of the detail"
    assert str(error) == ("RESOURCE_EXHAUSTED OVERLOADED: said so; items[2].resource: no id (request of the detail)")
    assert isinstance(error.__cause__, grpc.RpcError)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (str(copy), copy.code, copy.metadata) == (str(error), error.code, error.metadata)


@pytest.mark.parametrize(
    "details",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xff\xff", id="no message"),
        pytest.param(_packed(_INFO)[:-3], id="cut off"),
        pytest.param(_packed(_DAMAGED, _STRANGE), id="damaged details"),
        pytest.param(_packed(error_details_pb2.ErrorInfo(reason="ALLOWED", domain="acme.example")), id="another's"),
    ],
)
async def test_damaged_details_do_not_hide_the_code(stand_in: StandIn, kind: str, details: bytes) -> None:
    stand_in.answers["Check"] = _aborts(grpc.StatusCode.FAILED_PRECONDITION, details)
    async with connected(kind, stand_in.endpoint) as client:
        with pytest.raises(PatwardenError) as raised:
            await client.check(TOKEN, "a:yes", "viewer")
    assert (raised.value.code, raised.value.message) == (grpc.StatusCode.FAILED_PRECONDITION, "said so")
    assert (raised.value.reason, raised.value.field_violations) == (None, ())


async def test_a_reply_without_a_reason_is_no_decision(stand_in: StandIn, kind: str) -> None:
    stand_in.answers["Check"] = lambda _call, _context: v1.CheckResponse(allowed=True, token_valid=True)
    stand_in.answers["Introspect"] = lambda _call, _context: v1.IntrospectResponse(active=True)
    stand_in.answers["ListResources"] = lambda _call, _context: v1.ListResourcesResponse(resources=["a:yes"])
    async with connected(kind, stand_in.endpoint) as either:
        client = either.client
        for ask in (
            lambda: client.check(TOKEN, "a:yes", "viewer"),
            lambda: client.introspect(TOKEN),
            lambda: client.list_resources(TOKEN, "a", "viewer"),
        ):
            with pytest.raises(PatwardenError) as raised:
                await either.done(ask)
            assert raised.value.code is grpc.StatusCode.INTERNAL


async def test_a_reason_of_a_newer_server(stand_in: StandIn, kind: str) -> None:
    stand_in.answers["Check"] = lambda _call, _context: v1.CheckResponse(reason=39, token_valid=True)  # type: ignore[arg-type]
    async with connected(kind, stand_in.endpoint) as client:
        decision = await client.check(TOKEN, "a:yes", "viewer")
    assert (decision.allowed, decision.reason, decision.token_valid) == (False, Reason.UNRECOGNIZED, True)


async def test_an_empty_token_is_the_callers_mistake(stand_in: StandIn, kind: str) -> None:
    """The server refuses it; it is not for this client to call it a malformed token."""
    async with connected(kind, stand_in.endpoint) as client:
        await client.check("", "a:no", "viewer")
    assert len(stand_in.calls) == 1


async def test_a_secret_of_another_brand(stand_in: StandIn, kind: str) -> None:
    async with connected(kind, stand_in.endpoint, brand="acme") as client:
        malformed = await client.check(TOKEN, "a:yes", "viewer")
        theirs = await client.check("acme_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1KVxVi", "a:yes", "viewer")
    assert (malformed.reason, theirs.reason) == (Reason.TOKEN_MALFORMED, Reason.ALLOWED)
    assert len(stand_in.calls) == 1


async def test_secrets_are_taken_wrapped(stand_in: StandIn, kind: str) -> None:
    async with connected(kind, stand_in.endpoint) as client:
        await client.check(Secret(TOKEN), "a:yes", "viewer")
    assert stand_in.calls[0].request.token == TOKEN


async def test_malformed_needs_no_call(stand_in: StandIn, kind: str) -> None:
    async with connected(kind, stand_in.endpoint) as either:
        client = either.client
        decision = await either.check("nonsense", "a:yes", "viewer")
        introspection = await either.done(lambda: client.introspect("nonsense"))
        resources = await either.done(lambda: client.list_resources("nonsense", "a", "viewer"))
        received = list(resources) if isinstance(client, Client) else [one async for one in resources]
    assert (decision.allowed, decision.reason, decision.token_valid) == (False, Reason.TOKEN_MALFORMED, False)
    assert (introspection.active, introspection.reason) == (False, Reason.TOKEN_MALFORMED)
    assert (resources.reason, resources.token_valid, received) == (Reason.TOKEN_MALFORMED, False, [])
    assert stand_in.calls == []


async def test_a_list_that_fails_on_the_way_is_no_list(stand_in: StandIn, kind: str) -> None:
    def parts(_call: Call, context: grpc.ServicerContext) -> Any:
        # The stream has one message; the error comes behind it.
        context.set_code(grpc.StatusCode.UNAVAILABLE)
        return v1.ListResourcesResponse(resources=["a:1"], reason=v1.REASON_ALLOWED, token_valid=True)

    stand_in.answers["ListResources"] = parts
    async with connected(kind, stand_in.endpoint) as either:
        client = either.client
        resources = await either.done(lambda: client.list_resources(TOKEN, "a", "viewer"))
        received = []
        with pytest.raises(PatwardenError) as raised:
            if isinstance(client, Client):
                received.extend(resources)
            else:
                async for resource in resources:
                    received.append(resource)
    assert received == ["a:1"]
    assert raised.value.code is grpc.StatusCode.UNAVAILABLE
    assert resources.incomplete is None


async def test_pages(stand_in: StandIn, kind: str) -> None:
    def answer(call: Call, _context: grpc.ServicerContext) -> v1.ListTokensResponse:
        number = int(call.request.page_token or 0)
        return v1.ListTokensResponse(
            # A page may be empty although more follow.
            tokens=[] if number == 1 else [v1.Token(id=f"tok_{number}a"), v1.Token(id=f"tok_{number}b")],
            next_page_token=str(number + 1) if number < 3 else "",
        )

    stand_in.answers["ListTokens"] = answer
    request = v1.ListTokensRequest(subject="user:alice", page_size=2)
    async with connected(kind, stand_in.endpoint) as either:
        client = either.client
        if isinstance(client, Client):
            tokens = [token.id for token in client.list_tokens(request)]
        else:
            tokens = [token.id async for token in client.list_tokens(request)]
    assert tokens == [f"tok_{number}{letter}" for number in (0, 2, 3) for letter in "ab"]
    assert [call.request.page_token for call in stand_in.calls] == ["", "1", "2", "3"]
    assert {(call.request.subject, call.request.page_size) for call in stand_in.calls} == {("user:alice", 2)}
    assert request.page_token == ""


def test_a_future_is_one(stand_in: StandIn) -> None:
    stand_in.open.clear()
    with Client(stand_in.endpoint, "key", plaintext=True) as client:
        future = client.authorization.Check.future(v1.CheckRequest(resource="a:yes"), timeout=PATIENCE)
        assert not future.done()
        stand_in.answers["Check"] = fails(1, grpc.StatusCode.INTERNAL)
        stand_in.open.set()
        with pytest.raises(grpc.RpcError) as raised:
            future.result(timeout=PATIENCE)
        assert PatwardenError.of(raised.value).code is grpc.StatusCode.INTERNAL


async def test_an_async_client_is_made_before_the_loop(stand_in: StandIn) -> None:
    def make_and_use() -> Decision:
        client = AsyncClient(stand_in.endpoint, "key", plaintext=True, check_timeout=PATIENCE)

        async def use() -> Decision:
            async with client:
                return await client.check(TOKEN, "a:yes", "viewer")

        return asyncio.run(use())

    assert (await asyncio.to_thread(make_and_use)).allowed


_ELSEWHERE = [
    "patwarden.example:9081",
    "10.0.0.1:9081",
    "0.0.0.0:9081",
    "[2001:db8::1]:9081",
    "localhost.example.com:9081",
    "127.0.0.1.example.com:9081",
    "127.0.0.1@example.com:9081",
    "127.0.0.1%2eexample.com:9081",
    "dns:///patwarden.example:9081",
    "dns://8.8.8.8/localhost:9081",
    "ipv4:127.0.0.1:9081,192.0.2.1:9081",
    "xds:///localhost",
    "",
]


@pytest.mark.parametrize(
    ("endpoint", "options", "complaint"),
    [
        *((endpoint, {"plaintext": True}, "dangerously_send_key_in_plaintext") for endpoint in _ELSEWHERE),
        ("http://127.0.0.1:9081", {"plaintext": True}, "not a URL"),
        ("https://patwarden.example", {}, "not a URL"),
        ("127.0.0.1:9081", {"plaintext": True, "ca": b"a"}, "TLS"),
        ("127.0.0.1:9081", {"client_key": b"a"}, "must be given together"),
        ("127.0.0.1:9081", {"client_certificate": b"a"}, "must be given together"),
        ("127.0.0.1:9081", {"timeout": 0}, "^timeout"),
        ("127.0.0.1:9081", {"check_timeout": float("inf")}, "^check_timeout"),
        ("127.0.0.1:9081", {"check_timeout": float("nan")}, "^check_timeout"),
        ("127.0.0.1:9081", {"brand": "PW"}, "^brand"),
        ("127.0.0.1:9081", {"brand": ""}, "^brand"),
    ],
)
@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_options_that_cannot_be(make: Any, endpoint: str, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as raised:
        make(endpoint, "the-key", **options)
    assert "the-key" not in str(raised.value)


@pytest.mark.parametrize(
    "endpoint",
    [
        "localhost:9081",
        "LOCALHOST:9081",
        "localhost",
        "127.0.0.1:9081",
        "127.8.9.10:9081",
        "[::1]:9081",
        "dns:///localhost:9081",
        "dns:localhost:9081",
        "ipv4:127.0.0.1:9081",
        "ipv6:[::1]:9081",
        "unix:///run/patwarden.sock",
    ],
)
def test_plaintext_to_loopback(endpoint: str) -> None:
    Client(endpoint, "key", plaintext=True).close()


def test_plaintext_elsewhere_by_name() -> None:
    Client("patwarden.example:9081", "key", dangerously_send_key_in_plaintext=True).close()


def test_plaintext_goes_through_no_proxy(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would see key and tokens."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        for name in ("http_proxy", "https_proxy", "grpc_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        with Client(stand_in.endpoint, "key", plaintext=True, check_timeout=PATIENCE) as client:
            assert client.check(TOKEN, "a:yes", "viewer").allowed
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_clients_do_not_show_their_key() -> None:
    with Client("localhost:9081", "the-key", plaintext=True) as client:
        assert repr(client) == "Client('localhost:9081')"
    assert repr(AsyncClient("localhost:9081", "the-key", plaintext=True)) == "AsyncClient('localhost:9081')"


def test_durations_and_times() -> None:
    request = v1.CreateTokenRequest(ttl=duration(timedelta(days=90, milliseconds=1)))
    assert (request.ttl.seconds, request.ttl.nanos) == (90 * 86_400, 1_000_000)
    moment = datetime(2026, 11, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(moment).ToDatetime(timezone.utc) == moment
    with pytest.raises(ValueError, match="zone"):
        timestamp(datetime(2026, 11, 1))
