from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

_DOMAIN = "patwarden.v1"
_CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A problem with one field of a request."""

    field: str
    """Path in the message, for example `grant.rules[0].actions`."""
    description: str
    """A text for developers."""


class PatwardenError(Exception):
    """
    Raised when a call failed, so that there is no decision, neither yes nor no.

    It contains no secret and can be logged as it is. `__cause__` is the error of gRPC, if there was one.
    """

    code: grpc.StatusCode
    """UNAVAILABLE and DEADLINE_EXCEEDED can be tried again. UNAVAILABLE was already retried where that is safe."""
    message: str
    """A text for developers, which may change."""
    reason: str | None
    """The name of a `v1.ErrorReason` without its prefix, for example `OPENFGA_UNAVAILABLE`. `None` when the error
    comes from the connection or this client, not from Patwarden."""
    metadata: Mapping[str, str]
    """Details of the reason, see `errors.proto`."""
    field_violations: tuple[FieldViolation, ...]
    """Set for INVALID_ARGUMENT. Empty for an item of a batch."""
    request_id: str | None
    """Finds the call in the server's log. `None` when the server did not answer."""
    retry_delay: timedelta | None
    """The delay after which the server expects a retry to succeed, if it says so."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
        field_violations: Iterable[FieldViolation] = (),
        request_id: str | None = None,
        retry_delay: timedelta | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.field_violations = tuple(field_violations)
        self.request_id = request_id
        self.retry_delay = retry_delay

    def __str__(self) -> str:
        name = f"{self.code.name} {self.reason}" if self.reason else self.code.name
        fields = "".join(f"; {violation.field}: {violation.description}" for violation in self.field_violations)
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{name}: {self.message}{fields}{request}"

    @classmethod
    def of(cls, error: grpc.RpcError) -> PatwardenError:
        """Converts an error of gRPC, for example of a stub's `future()`. Unreadable details are left out."""
        return _read(error)


class _Status(Protocol):
    """The methods that the errors of both gRPC APIs have; they share no type."""

    def code(self) -> grpc.StatusCode | None: ...
    def details(self) -> str | None: ...
    def initial_metadata(self) -> Iterable[tuple[str, str | bytes]] | None: ...
    def trailing_metadata(self) -> Iterable[tuple[str, str | bytes]] | None: ...


def item_error(code: int, reason: str, message: str) -> PatwardenError:
    """Makes the error of an item of a batch. An unknown code, and OK in an error, become UNKNOWN."""
    known = _CODES.get(code, grpc.StatusCode.UNKNOWN)
    if known is grpc.StatusCode.OK:
        known = grpc.StatusCode.UNKNOWN
    return PatwardenError(known, message, reason=reason or None)


def again(error: PatwardenError) -> PatwardenError:
    """Copies an error for another caller: an exception that is raised twice mixes up its tracebacks."""
    twin = copy.copy(error)
    twin.__cause__ = error.__cause__
    return twin


def _read(error: Any) -> PatwardenError:
    status: _Status = error
    # As pairs: the metadata of grpc.aio looks like a mapping, but is none in older versions.
    initial, trailing = (
        {key: value for key, value in metadata or ()}  # noqa: C416
        for metadata in (status.initial_metadata(), status.trailing_metadata())
    )
    request_id = trailing.get("x-request-id", initial.get("x-request-id"))
    result = PatwardenError(
        status.code() or grpc.StatusCode.UNKNOWN,
        status.details() or "",
        request_id=request_id if isinstance(request_id, str) else None,
    )
    result.__cause__ = error
    encoded = trailing.get("grpc-status-details-bin")
    if isinstance(encoded, bytes):
        _add_details(result, encoded)
    return result


def _add_details(error: PatwardenError, encoded: bytes) -> None:
    try:
        details = status_pb2.Status.FromString(encoded).details
    except DecodeError:
        return
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    request = error_details_pb2.RequestInfo()
    for detail in details:
        try:
            if detail.Unpack(info) and info.domain == _DOMAIN:
                error.reason = info.reason or None
                error.metadata = dict(info.metadata)
            elif detail.Unpack(bad_request):
                error.field_violations = tuple(
                    FieldViolation(violation.field, violation.description) for violation in bad_request.field_violations
                )
            elif detail.Unpack(retry):
                error.retry_delay = retry.retry_delay.ToTimedelta()
            elif detail.Unpack(request):
                error.request_id = request.request_id or error.request_id
        except (DecodeError, ValueError, OverflowError):
            continue
