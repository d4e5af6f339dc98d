"""Converts between messages and the types of this package."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from patwarden import v1
from patwarden._errors import PatwardenError, item_error
from patwarden._secret import Secret, parse_secret, text_of
from patwarden._types import CheckItem, Consistency, Decision, Introspection, Reason, RequestContext

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


# The server's answers to a malformed token, given without a call.
MALFORMED = Decision(allowed=False, reason=Reason.TOKEN_MALFORMED, token_valid=False)
MALFORMED_LIST = v1.ListResourcesResponse(reason=v1.REASON_TOKEN_MALFORMED)
MALFORMED_INTROSPECTION = Introspection(active=False, reason=Reason.TOKEN_MALFORMED, token=None)

_REASONS = {
    number: Reason[name.removeprefix("REASON_")]
    for name, number in v1.Reason.items()
    if number != v1.REASON_UNSPECIFIED and name.removeprefix("REASON_") in Reason.__members__
}


def duration(delta: timedelta) -> Duration:
    """Makes a duration for a message: `v1.CreateTokenRequest(ttl=duration(timedelta(days=90)))`."""
    result = Duration()
    result.FromTimedelta(delta)
    return result


def timestamp(moment: datetime) -> Timestamp:
    """Makes a time for a message. Raises `ValueError` for a time without a zone."""
    if moment.utcoffset() is None:
        raise ValueError("the time must have a zone, as datetime.now(timezone.utc) has")
    result = Timestamp()
    result.FromDatetime(moment)
    return result


def is_malformed(token: str | Secret, brand: str) -> bool:
    """Returns true if the answer is TOKEN_MALFORMED without a call. An empty token is a mistake of the backend, not of
    the bearer: the server reports it."""
    text = text_of(token)
    return text != "" and parse_secret(text, brand) is None


def context_message(context: RequestContext | None) -> v1.RequestContext | None:
    if context is None:
        return None
    return v1.RequestContext(client_ip=context.client_ip, usage_units=context.usage_units, usage_id=context.usage_id)


def consistency_number(consistency: Consistency | None) -> v1.Consistency:
    return v1.Consistency.CONSISTENCY_UNSPECIFIED if consistency is None else consistency.value


def check_message(item: CheckItem, claims: Sequence[str] = ()) -> v1.CheckRequest:
    return v1.CheckRequest(
        token=text_of(item.token),
        resource=item.resource,
        action=item.action,
        context=context_message(item.context),
        consistency=consistency_number(item.consistency),
        claims=claims,
    )


def item_message(item: CheckItem) -> v1.BatchCheckItem:
    return v1.BatchCheckItem(
        token=text_of(item.token),
        resource=item.resource,
        action=item.action,
        context=context_message(item.context),
        consistency=consistency_number(item.consistency),
    )


def list_message(
    token: str | Secret, type_: str, action: str, context: RequestContext | None, consistency: Consistency | None
) -> v1.ListResourcesRequest:
    return v1.ListResourcesRequest(
        token=text_of(token),
        type=type_,
        action=action,
        context=context_message(context),
        consistency=consistency_number(consistency),
    )


def introspect_message(token: str | Secret, context: RequestContext | None) -> v1.IntrospectRequest:
    return v1.IntrospectRequest(token=text_of(token), context=context_message(context))


def introspection_of(response: v1.IntrospectResponse) -> Introspection:
    return Introspection(
        active=response.active,
        reason=reason_of(response.reason),
        token=response.token if response.HasField("token") else None,
    )


def decision_of(response: v1.CheckResponse) -> Decision:
    return Decision(
        allowed=response.allowed,
        reason=reason_of(response.reason),
        token_valid=response.token_valid,
        subject=response.subject or None,
        token_id=response.token_id or None,
        organization=response.organization or None,
        expire_time=response.expire_time.ToDatetime(timezone.utc) if response.HasField("expire_time") else None,
        claims=dict(response.claims),
    )


def reason_of(number: int) -> Reason:
    """Raises for a reply without a reason: the server never sends one, so it is not a decision."""
    if number == v1.REASON_UNSPECIFIED:
        raise PatwardenError(grpc.StatusCode.INTERNAL, "the reply has no decision")
    return _REASONS.get(number, Reason.UNRECOGNIZED)


def results_of(response: v1.BatchCheckResponse, expected: int) -> list[Decision | PatwardenError]:
    if len(response.results) != expected:
        raise PatwardenError(
            grpc.StatusCode.INTERNAL, f"the reply has {len(response.results)} results for {expected} items"
        )
    return [_result_of(result) for result in response.results]


def _result_of(result: v1.BatchCheckResult) -> Decision | PatwardenError:
    if result.HasField("error"):
        return item_error(result.error.code, result.error.reason, result.error.message)
    try:
        return decision_of(result.decision)
    except PatwardenError as error:
        return error


class Batch:
    """A batch without its malformed tokens, which are answered here."""

    def __init__(self, items: Iterable[CheckItem], brand: str) -> None:
        questions = list(items)
        malformed = [is_malformed(item.token, brand) for item in questions]
        self._malformed = malformed
        self.messages = [item_message(item) for item, is_bad in zip(questions, malformed, strict=True) if not is_bad]
        # The server refuses an empty batch, and says why.
        self.asks = bool(self.messages) or not questions

    def together(self, answers: Sequence[Decision | PatwardenError]) -> list[Decision | PatwardenError]:
        rest = iter(answers)
        return [MALFORMED if is_bad else next(rest) for is_bad in self._malformed]
