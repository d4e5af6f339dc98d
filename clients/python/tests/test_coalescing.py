"""Which checks are sent together, and that each gets its own answer."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from environment import PATIENCE
from stand_in import TOKEN, Call, StandIn, decision

from patwarden import AsyncClient, Consistency, Decision, PatwardenError, Reason, RequestContext, v1

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine


@pytest.fixture
async def client(stand_in: StandIn) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(stand_in.endpoint, "key", plaintext=True, check_timeout=PATIENCE) as client:
        yield client


async def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def ask(client: AsyncClient, *resources: str, **options: Any) -> list[Coroutine[Any, Any, Decision]]:
    return [client.check(TOKEN, resource, "viewer", **options) for resource in resources]


async def test_checks_of_one_turn_are_one_batch(stand_in: StandIn, client: AsyncClient) -> None:
    resources = [f"document:{number}-{'yes' if number % 2 else 'no'}" for number in range(100)]
    answers = await asyncio.gather(*ask(client, *resources))
    assert [answer.subject for answer in answers] == resources
    assert [answer.allowed for answer in answers] == [resource.endswith("yes") for resource in resources]
    [call] = stand_in.calls
    assert [item.resource for item in call.request.items] == resources


async def test_each_keeps_its_context_and_consistency(stand_in: StandIn, client: AsyncClient) -> None:
    await asyncio.gather(
        client.check(
            TOKEN, "a:1", "viewer", context=RequestContext(client_ip="192.0.2.1", usage_units=0, usage_id="u")
        ),
        client.check(TOKEN, "a:2", "editor", consistency=Consistency.HIGHER_CONSISTENCY),
        client.check(TOKEN, "a:3", "viewer", context=RequestContext()),
    )
    [call] = stand_in.calls
    assert call.request == v1.BatchCheckRequest(
        items=[
            v1.BatchCheckItem(
                token=TOKEN,
                resource="a:1",
                action="viewer",
                context=v1.RequestContext(client_ip="192.0.2.1", usage_units=0, usage_id="u"),
            ),
            v1.BatchCheckItem(
                token=TOKEN, resource="a:2", action="editor", consistency=v1.CONSISTENCY_HIGHER_CONSISTENCY
            ),
            v1.BatchCheckItem(token=TOKEN, resource="a:3", action="viewer", context=v1.RequestContext()),
        ]
    )


async def test_one_alone_is_a_check(stand_in: StandIn, client: AsyncClient) -> None:
    context = RequestContext(client_ip="192.0.2.1")
    await client.check(TOKEN, "a:yes", "viewer", context=context, consistency=Consistency.HIGHER_CONSISTENCY)
    await client.check(TOKEN, "a:no", "viewer")
    assert [call.request for call in stand_in.calls] == [
        v1.CheckRequest(
            token=TOKEN,
            resource="a:yes",
            action="viewer",
            context=v1.RequestContext(client_ip="192.0.2.1"),
            consistency=v1.CONSISTENCY_HIGHER_CONSISTENCY,
        ),
        v1.CheckRequest(token=TOKEN, resource="a:no", action="viewer"),
    ]


async def test_claims_go_alone(stand_in: StandIn, client: AsyncClient) -> None:
    answers = await asyncio.gather(*ask(client, "a:1", "a:2"), *ask(client, "a:3", claims=["plan"]))
    assert [dict(answer.claims) for answer in answers] == [{}, {}, {"plan": "told"}]
    assert [call.request.resource for call in stand_in.of("Check")] == ["a:3"]
    assert [[item.resource for item in call.request.items] for call in stand_in.of("BatchCheck")] == [["a:1", "a:2"]]


async def test_the_same_question_is_asked_for_each(stand_in: StandIn, client: AsyncClient) -> None:
    """Each is counted and billed."""
    await asyncio.gather(*ask(client, "a:1", "a:1", "a:1"))
    [call] = stand_in.calls
    assert len(call.request.items) == 3


async def test_off_each_goes_alone(stand_in: StandIn) -> None:
    async with AsyncClient(stand_in.endpoint, "key", plaintext=True, coalesce=False) as client:
        await asyncio.gather(*ask(client, "a:1", "a:2", "a:3", timeout=PATIENCE))
    assert len(stand_in.of("Check")) == len(stand_in.calls) == 3


async def test_split_at_500(stand_in: StandIn, client: AsyncClient) -> None:
    resources = [f"a:{number}" for number in range(1201)]
    answers = await asyncio.gather(*ask(client, *resources))
    assert [answer.subject for answer in answers] == resources
    assert sorted(len(call.request.items) for call in stand_in.calls) == [201, 500, 500]


async def test_split_at_200_kib(stand_in: StandIn, client: AsyncClient) -> None:
    resources = [f"a:{number:04}{'x' * 3_000}" for number in range(200)]
    answers = await asyncio.gather(*ask(client, *resources))
    assert [answer.subject for answer in answers] == resources
    sizes = [call.request.ByteSize() for call in stand_in.calls]
    assert max(sizes) <= 200 * 1024
    # Each is as full as it can be.
    assert len(sizes) == 4


@pytest.fixture
def none_stalls(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that hold calls: on a slow machine they must not count as stalled."""
    monkeypatch.setattr("patwarden._coalescer.STALLED_SECONDS", PATIENCE)


@pytest.mark.usefixtures("none_stalls")
async def test_at_most_four_calls_in_flight(stand_in: StandIn, client: AsyncClient) -> None:
    stand_in.open.clear()
    asked = []
    for number in range(10):
        asked += [asyncio.create_task(one) for one in ask(client, f"a:{number}")]
        await until(lambda sent=min(number + 1, 4): len(stand_in.calls) == sent)  # type: ignore[misc]
    stand_in.open.set()
    answers = await asyncio.gather(*asked)
    assert [answer.subject for answer in answers] == [f"a:{number}" for number in range(10)]
    assert [call.request.resource for call in stand_in.of("Check")] == [f"a:{number}" for number in range(4)]
    # Those that had to wait are sent together.
    assert [[item.resource for item in call.request.items] for call in stand_in.of("BatchCheck")] == [
        [f"a:{number}" for number in range(4, 10)]
    ]


async def test_stalled_calls_do_not_hold_up_others(stand_in: StandIn, client: AsyncClient) -> None:
    stand_in.open.clear()
    asked = []
    # More than four, all of them held, so that each call beyond takes the place of a stalled one.
    for number in range(6):
        asked += [asyncio.create_task(one) for one in ask(client, f"a:{number}")]
        await until(lambda sent=number + 1: len(stand_in.calls) == sent)  # type: ignore[misc]
    stand_in.open.set()
    answers = await asyncio.gather(*asked)
    assert [answer.subject for answer in answers] == [f"a:{number}" for number in range(6)]


async def test_each_keeps_its_deadline(stand_in: StandIn, client: AsyncClient) -> None:
    stand_in.open.clear()
    hurried, patient = (
        asyncio.create_task(client.check(TOKEN, "a:1", "viewer", timeout=0.05)),
        asyncio.create_task(client.check(TOKEN, "a:yes", "viewer")),
    )
    with pytest.raises(PatwardenError) as raised:
        await hurried
    assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert not patient.done()
    await until(lambda: len(stand_in.calls) == 1)
    stand_in.open.set()
    assert (await patient).allowed
    # The call has the time of the most patient.
    assert stand_in.calls[0].time_remaining > 1


async def test_who_gives_up_takes_nobody_along(stand_in: StandIn, client: AsyncClient) -> None:
    stand_in.open.clear()
    first, second, third = (asyncio.create_task(one) for one in ask(client, "a:1", "a:yes", "a:no"))
    await until(lambda: len(stand_in.calls) == 1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    stand_in.open.set()
    assert ((await second).allowed, (await third).allowed) == (True, False)


@pytest.mark.parametrize("count", [1, 3])
async def test_a_call_ends_when_nobody_waits_any_more(stand_in: StandIn, client: AsyncClient, count: int) -> None:
    stand_in.open.clear()
    asked = [asyncio.create_task(one) for one in ask(client, *(f"a:{number}" for number in range(count)))]
    await until(lambda: len(stand_in.calls) == 1)
    [call] = stand_in.calls
    for one in asked:
        assert not call.ended.is_set()
        one.cancel()
        with pytest.raises(asyncio.CancelledError):
            await one
    await until(call.ended.is_set)


@pytest.mark.usefixtures("none_stalls")
async def test_what_is_over_before_it_is_sent_is_not_sent(stand_in: StandIn, client: AsyncClient) -> None:
    stand_in.open.clear()
    held = []
    for number in range(4):
        held += [asyncio.create_task(one) for one in ask(client, f"held:{number}")]
        await until(lambda sent=number + 1: len(stand_in.calls) == sent)  # type: ignore[misc]
    expired = asyncio.create_task(client.check(TOKEN, "a:expired", "viewer", timeout=0.05))
    cancelled = asyncio.create_task(client.check(TOKEN, "a:cancelled", "viewer"))
    waiting = asyncio.create_task(client.check(TOKEN, "a:yes", "viewer"))
    with pytest.raises(PatwardenError) as raised:
        await expired
    assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    cancelled.cancel()
    stand_in.open.set()
    assert (await waiting).allowed
    await asyncio.gather(*held)
    assert {call.request.resource for call in stand_in.calls} == {*(f"held:{number}" for number in range(4)), "a:yes"}


async def test_a_call_that_fails_fails_each_for_itself(stand_in: StandIn, client: AsyncClient) -> None:
    def fail(_call: Call, context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.INTERNAL, "a defect")

    stand_in.answers["BatchCheck"] = fail
    errors = await asyncio.gather(*ask(client, "a:1", "a:2", "a:3"), return_exceptions=True)
    assert len({id(error) for error in errors}) == 3
    for error in errors:
        assert isinstance(error, PatwardenError)
        assert (error.code, error.message) == (grpc.StatusCode.INTERNAL, "a defect")
        assert isinstance(error.__cause__, grpc.RpcError)


async def test_an_item_that_fails_fails_alone(stand_in: StandIn, client: AsyncClient) -> None:
    def answer(call: Call, _context: grpc.ServicerContext) -> v1.BatchCheckResponse:
        first, _, third, _ = call.request.items
        return v1.BatchCheckResponse(
            results=[
                v1.BatchCheckResult(decision=decision(first)),
                v1.BatchCheckResult(error=v1.CheckError(code=14, reason="OPENFGA_UNAVAILABLE", message="try again")),
                v1.BatchCheckResult(decision=decision(third)),
                v1.BatchCheckResult(error=v1.CheckError()),
            ]
        )

    stand_in.answers["BatchCheck"] = answer
    yes, unavailable, no, senseless = await asyncio.gather(
        *ask(client, "a:yes", "a:2", "a:no", "a:4"), return_exceptions=True
    )
    assert isinstance(yes, Decision)
    assert isinstance(no, Decision)
    assert (yes.allowed, no.allowed) == (True, False)
    assert isinstance(unavailable, PatwardenError)
    assert (unavailable.code, unavailable.reason) == (grpc.StatusCode.UNAVAILABLE, "OPENFGA_UNAVAILABLE")
    # An error with the code of success is still an error.
    assert isinstance(senseless, PatwardenError)
    assert senseless.code is grpc.StatusCode.UNKNOWN


@pytest.mark.parametrize("count", [0, 1, 3], ids=["none", "too few", "too many"])
async def test_a_reply_of_another_length_decides_nothing(stand_in: StandIn, client: AsyncClient, count: int) -> None:
    yes = v1.BatchCheckResult(decision=v1.CheckResponse(allowed=True, reason=v1.REASON_ALLOWED, token_valid=True))
    stand_in.answers["BatchCheck"] = lambda _call, _context: v1.BatchCheckResponse(results=[yes] * count)
    for error in await asyncio.gather(*ask(client, "a:1", "a:2"), return_exceptions=True):
        assert isinstance(error, PatwardenError)
        assert error.code is grpc.StatusCode.INTERNAL


async def test_an_empty_result_decides_nothing(stand_in: StandIn, client: AsyncClient) -> None:
    stand_in.answers["BatchCheck"] = lambda call, _context: v1.BatchCheckResponse(
        results=[v1.BatchCheckResult(decision=decision(call.request.items[0])), v1.BatchCheckResult()]
    )
    decided, undecided = await asyncio.gather(*ask(client, "a:yes", "a:2"), return_exceptions=True)
    assert isinstance(decided, Decision)
    assert decided.allowed
    assert isinstance(undecided, PatwardenError)
    assert undecided.code is grpc.StatusCode.INTERNAL


async def test_what_cannot_be_sent_fails_alone(stand_in: StandIn, client: AsyncClient) -> None:
    good, bad, other = await asyncio.gather(*ask(client, "a:yes", "a:\ud800", "a:no"), return_exceptions=True)
    assert isinstance(good, Decision)
    assert isinstance(other, Decision)
    assert (good.allowed, other.allowed) == (True, False)
    assert isinstance(bad, ValueError)


async def test_malformed_needs_no_call(stand_in: StandIn, client: AsyncClient) -> None:
    answers = await asyncio.gather(
        *(client.check(text, "a:yes", "viewer") for text in ("nonsense", TOKEN[:-1], f"{TOKEN} ")),
    )
    assert [(answer.allowed, answer.reason, answer.token_valid) for answer in answers] == [
        (False, Reason.TOKEN_MALFORMED, False)
    ] * 3
    assert stand_in.calls == []


async def test_nobody_waits_for_a_closed_client(stand_in: StandIn) -> None:
    stand_in.open.clear()
    client = AsyncClient(stand_in.endpoint, "key", plaintext=True, check_timeout=PATIENCE)
    asked = []
    for number in range(6):
        asked += [asyncio.create_task(one) for one in ask(client, f"a:{number}")]
        await until(lambda sent=min(number + 1, 4): len(stand_in.calls) == sent)  # type: ignore[misc]
    await client.close()
    # At once, not when their time is over.
    for error in await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), PATIENCE / 3):
        assert isinstance(error, PatwardenError)
    with pytest.raises(PatwardenError):
        await client.check(TOKEN, "a:yes", "viewer")
