"""A server in this process, for what cannot be seen or brought about at a real one."""

from __future__ import annotations

import threading
from concurrent import futures
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
from environment import PATIENCE

from patwarden import v1

if TYPE_CHECKING:
    from collections.abc import Callable

MODULES = (v1.audit_pb2, v1.authorization_pb2, v1.policy_pb2, v1.self_pb2, v1.subject_pb2, v1.token_pb2, v1.usage_pb2)
METHODS = {
    f"/{service.full_name}/{method.name}": method
    for module in MODULES
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}

# Right by its form, and of nobody.
TOKEN = "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA"


@dataclass
class Call:
    method: str
    request: Any
    metadata: dict[str, str | bytes]
    time_remaining: float
    ended: threading.Event


@dataclass
class StandIn:
    """Answers each question with `allowed` where the resource ends in `yes`, and tells the resource as the subject."""

    calls: list[Call] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)
    """While it is not set, calls are received and not answered."""
    answers: dict[str, Callable[[Call, grpc.ServicerContext], Any]] = field(default_factory=dict)
    """By name of the method, in place of the usual answer."""
    endpoint: str = ""

    def __post_init__(self) -> None:
        self.open.set()
        self._server = grpc.server(futures.ThreadPoolExecutor(32), [_Handler(self)])
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        self.open.set()
        self._server.stop(None).wait(PATIENCE)

    def of(self, name: str) -> list[Call]:
        return [call for call in self.calls if call.method.endswith(f"/{name}")]

    def receive(self, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        metadata = dict(context.invocation_metadata())
        call = Call(method, request, metadata, context.time_remaining(), threading.Event())
        context.add_callback(call.ended.set)
        self.calls.append(call)
        assert self.open.wait(PATIENCE)
        name = method.rpartition("/")[2]
        return self.answers.get(name, _usual)(call, context)


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        path = details.method
        method = METHODS[path]
        request = getattr(v1, method.input_type.name)
        reply = getattr(v1, method.output_type.name)

        def one(message: Any, context: grpc.ServicerContext) -> Any:
            return self._stand_in.receive(path, message, context)

        def many(message: Any, context: grpc.ServicerContext) -> Any:
            yield self._stand_in.receive(path, message, context)

        make = grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler
        return make(
            many if method.server_streaming else one,
            request_deserializer=request.FromString,
            response_serializer=reply.SerializeToString,
        )


def _usual(call: Call, _context: grpc.ServicerContext) -> Any:
    match call.request:
        case v1.CheckRequest():
            return decision(call.request)
        case v1.BatchCheckRequest():
            return v1.BatchCheckResponse(
                results=[v1.BatchCheckResult(decision=decision(item)) for item in call.request.items]
            )
        case v1.ListResourcesRequest():
            return v1.ListResourcesResponse(reason=v1.REASON_ALLOWED, token_valid=True)
        case v1.IntrospectRequest():
            return v1.IntrospectResponse(reason=v1.REASON_ALLOWED, active=True, token=v1.Token(id="tok_1"))
        case _:
            return getattr(v1, METHODS[call.method].output_type.name)()


def decision(question: Any) -> v1.CheckResponse:
    allowed = question.resource.endswith("yes")
    return v1.CheckResponse(
        allowed=allowed,
        reason=v1.REASON_ALLOWED if allowed else v1.REASON_NOT_PERMITTED,
        token_valid=True,
        subject=question.resource,
        claims=dict.fromkeys(getattr(question, "claims", ()), "told"),
    )
