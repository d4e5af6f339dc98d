from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import grpc

from patwarden._errors import PatwardenError
from patwarden._wire import reason_of

if TYPE_CHECKING:
    from patwarden import v1
    from patwarden._types import Reason


class _List:
    reason: Reason
    """`ALLOWED` if the token can be used, even if the list is empty; otherwise why there is no list."""
    token_valid: bool
    """As in `Decision`."""
    incomplete: bool | None
    """True if the list may lack entries because OpenFGA ran out of time or failed for some. `None` before the end."""

    def _begin(self, first: v1.ListResourcesResponse | None) -> None:
        if first is None:
            raise PatwardenError(grpc.StatusCode.INTERNAL, "the reply has no list")
        self.reason = reason_of(first.reason)
        self.token_valid = first.token_valid
        self.incomplete = None
        self._take(first)

    def _take(self, message: v1.ListResourcesResponse) -> None:
        self._received = deque(message.resources)
        self._may_lack = message.incomplete


class ResourceList(_List, Iterator[str]):
    """
    Iterates over the resources on which a token may act, `type:id`, in no order, as they arrive.

    After an error the list is incomplete.
    """

    def __init__(self, messages: Iterator[v1.ListResourcesResponse]) -> None:
        self._messages = messages
        self._begin(self._receive())

    def __next__(self) -> str:
        while not self._received:
            message = self._receive()
            if message is None:
                self.incomplete = self._may_lack
                raise StopIteration
            self._take(message)
        return self._received.popleft()

    def _receive(self) -> v1.ListResourcesResponse | None:
        try:
            return next(self._messages, None)
        except grpc.RpcError as error:
            raise PatwardenError.of(error) from error


class AsyncResourceList(_List, AsyncIterator[str]):
    """As `ResourceList`, for `async for`."""

    def __init__(self, messages: AsyncIterator[v1.ListResourcesResponse]) -> None:
        self._messages = messages

    @classmethod
    async def begin(cls, messages: AsyncIterator[v1.ListResourcesResponse]) -> AsyncResourceList:
        result = cls(messages)
        result._begin(await result._receive())
        return result

    async def __anext__(self) -> str:
        while not self._received:
            message = await self._receive()
            if message is None:
                self.incomplete = self._may_lack
                raise StopAsyncIteration
            self._take(message)
        return self._received.popleft()

    async def _receive(self) -> v1.ListResourcesResponse | None:
        return await anext(self._messages, None)
