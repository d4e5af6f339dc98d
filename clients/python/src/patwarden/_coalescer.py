from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

import grpc

from patwarden import v1
from patwarden._errors import PatwardenError, again
from patwarden._wire import decision_of, results_of

if TYPE_CHECKING:
    from patwarden._types import Decision

MAX_ITEMS = 500
MAX_BYTES = 200 * 1024
MAX_IN_FLIGHT = 4
STALLED_SECONDS = 0.5
"""A call that takes longer no longer counts: its answer may be lost, and other checks must not wait for it."""


class Coalescer:
    """
    Sends the checks of one turn of the event loop as one BatchCheck. At most 4 calls run at a time; checks that come
    meanwhile go into the next one.

    Each check keeps its own timeout: a caller that gives up does not disturb the others. A call has the latest
    deadline of its checks, and is cancelled when none waits for it any more.
    """

    def __init__(self, stub: v1.AuthorizationServiceAsyncStub) -> None:
        self._stub = stub
        self._waiting: deque[_Question] = deque()
        # The loop keeps only weak references to tasks.
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._scheduled = False

    async def check(self, item: v1.BatchCheckItem, timeout: float) -> Decision:
        loop = asyncio.get_running_loop()
        question = _Question(item, loop.time() + timeout, loop.create_future())
        timer = loop.call_later(timeout, question.expire)
        self._waiting.append(question)
        self._schedule()
        try:
            return await question.answer
        finally:
            timer.cancel()
            if question.call is not None:
                question.call.leave()

    def _schedule(self) -> None:
        if not self._scheduled and self._waiting and len(self._in_flight) < MAX_IN_FLIGHT:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._send_waiting)

    def _send_waiting(self) -> None:
        self._scheduled = False
        while len(self._in_flight) < MAX_IN_FLIGHT and (questions := self._next_batch()):
            call = _Call(questions)
            loop = asyncio.get_running_loop()
            call.task = loop.create_task(self._send(questions))
            self._tasks.add(call.task)
            call.task.add_done_callback(self._tasks.discard)
            self._in_flight.add(call.task)
            call.task.add_done_callback(self._leave)
            timer = loop.call_later(STALLED_SECONDS, self._leave, call.task)
            call.task.add_done_callback(partial(_cancel, timer))

    def _next_batch(self) -> list[_Question]:
        batch: list[_Question] = []
        size = 0
        while self._waiting and len(batch) < MAX_ITEMS:
            question = self._waiting[0]
            if question.answer.done():
                self._waiting.popleft()
                continue
            size += question.size
            if batch and size > MAX_BYTES:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _send(self, questions: list[_Question]) -> None:
        answers: list[Decision | PatwardenError]
        try:
            answers = await self._ask(questions)
        except PatwardenError as error:
            answers = [again(error) for _ in questions]
        except asyncio.CancelledError:
            answers = [PatwardenError(grpc.StatusCode.CANCELLED, "the client was closed") for _ in questions]
        except Exception as error:
            failure = PatwardenError(grpc.StatusCode.INTERNAL, "the call could not be made")
            failure.__cause__ = error
            answers = [again(failure) for _ in questions]
        for question, answer in zip(questions, answers, strict=True):
            question.settle(answer)

    async def _ask(self, questions: list[_Question]) -> list[Decision | PatwardenError]:
        timeout = max(question.deadline for question in questions) - asyncio.get_running_loop().time()
        items = [question.item for question in questions]
        if len(items) == 1:
            return [decision_of(await self._stub.Check(_alone(items[0]), timeout=timeout))]
        response = await self._stub.BatchCheck(v1.BatchCheckRequest(items=items), timeout=timeout)
        return results_of(response, len(items))

    def _leave(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._schedule()


class _Question:
    __slots__ = ("answer", "call", "deadline", "item", "size")

    def __init__(self, item: v1.BatchCheckItem, deadline: float, answer: asyncio.Future[Decision]) -> None:
        self.item = item
        # 4 bytes for the tag and the length of the item in the batch.
        self.size = item.ByteSize() + 4
        self.deadline = deadline
        self.answer = answer
        self.call: _Call | None = None

    def settle(self, answer: Decision | PatwardenError) -> None:
        if self.answer.done():
            return
        if isinstance(answer, PatwardenError):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)

    def expire(self) -> None:
        self.settle(PatwardenError(grpc.StatusCode.DEADLINE_EXCEEDED, "no decision within the timeout"))


class _Call:
    """Cancels its task when no check waits for it any more."""

    __slots__ = ("_waiting", "task")

    task: asyncio.Task[None]

    def __init__(self, questions: list[_Question]) -> None:
        self._waiting = len(questions)
        for question in questions:
            question.call = self

    def leave(self) -> None:
        self._waiting -= 1
        if self._waiting == 0:
            self.task.cancel()


def _cancel(timer: asyncio.TimerHandle, _task: asyncio.Task[None]) -> None:
    timer.cancel()


def _alone(item: v1.BatchCheckItem) -> v1.CheckRequest:
    return v1.CheckRequest(
        token=item.token,
        resource=item.resource,
        action=item.action,
        context=item.context if item.HasField("context") else None,
        consistency=item.consistency,
    )
