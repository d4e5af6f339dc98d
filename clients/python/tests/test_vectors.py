"""The cases that the clients of all languages answer alike."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from environment import ENVIRONMENT, secret, token_of, vectors
from google.protobuf import json_format

from patwarden import (
    AsyncClient,
    CheckItem,
    Client,
    Consistency,
    Decision,
    PatwardenError,
    Reason,
    RequestContext,
    parse_secret,
    v1,
)


def named(cases: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in cases]


def context_of(case: dict[str, Any]) -> RequestContext | None:
    return RequestContext(**case["context"]) if "context" in case else None


def consistency_of(case: dict[str, Any]) -> Consistency | None:
    return Consistency[case["consistency"]] if "consistency" in case else None


def item_of(case: dict[str, Any]) -> CheckItem:
    return CheckItem(token_of(case), case["resource"], case["action"], context_of(case), consistency_of(case))


def shown(decision: Decision) -> dict[str, Any]:
    return {
        "allowed": decision.allowed,
        "reason": decision.reason.value,
        "token_valid": decision.token_valid,
        "subject": decision.subject,
        "token_id": decision.token_id,
        "organization": decision.organization,
        "claims": dict(decision.claims),
        "expires": decision.expire_time is not None,
    }


def expected(expect: dict[str, Any]) -> dict[str, Any]:
    token = expect.get("token_id")
    return {
        "subject": None,
        "organization": None,
        "claims": {},
        "expires": False,
        **expect,
        "token_id": ENVIRONMENT["tokens"][token]["id"] if token else None,
    }


def assert_error(error: object, expect: dict[str, Any], *, of_item: bool = False, has_request_id: bool = True) -> None:
    assert isinstance(error, PatwardenError)
    assert error.code is grpc.StatusCode[expect["code"]]
    assert error.reason == expect["reason"]
    # An item of a batch is told no fields, and belongs to no call of its own.
    if not of_item:
        assert sorted(violation.field for violation in error.field_violations) == sorted(expect.get("fields", []))
        assert error.request_id or not has_request_id
    assert expect.get("metadata", {}).items() <= error.metadata.items()
    assert (error.retry_delay is not None) == expect.get("retry_delay", False)
    for alias in ("alice", "revoked"):
        assert secret(alias) not in f"{error!r} {error}"


@pytest.mark.parametrize("case", named(vectors("secrets")))
def test_secret(case: dict[str, Any]) -> None:
    parsed = parse_secret(case["text"], case["brand"])
    assert (parsed is not None) == case["wellFormed"]
    if parsed is not None:
        assert (parsed.kind, parsed.hint) == (case["kind"], case["hint"])


@pytest.mark.parametrize("case", named(vectors("checks")))
def test_check(case: dict[str, Any], client: Client) -> None:
    def check() -> Decision:
        return client.check(
            token_of(case),
            case["resource"],
            case["action"],
            context=context_of(case),
            claims=case.get("claims", ()),
            consistency=consistency_of(case),
        )

    if "error" in case:
        with pytest.raises(PatwardenError) as raised:
            check()
        assert_error(raised.value, case["error"])
    else:
        assert shown(check()) == expected(case["expect"])


async def test_all_checks_at_once(async_client: AsyncClient) -> None:
    """Each gets the answer of a single check, whatever it is sent with."""
    cases = vectors("checks")
    answers = await asyncio.gather(
        *(
            async_client.check(
                token_of(case),
                case["resource"],
                case["action"],
                context=context_of(case),
                claims=case.get("claims", ()),
                consistency=consistency_of(case),
            )
            for case in cases
        ),
        return_exceptions=True,
    )
    assert {Reason(case["expect"]["reason"]) for case in cases if "expect" in case} == set(Reason) - {
        Reason.UNRECOGNIZED
    }
    for case, answer in zip(cases, answers, strict=True):
        if "error" in case:
            assert_error(answer, case["error"], of_item=True)
        else:
            assert isinstance(answer, Decision), case["name"]
            assert shown(answer) == expected(case["expect"]), case["name"]


def assert_batch(case: dict[str, Any], answers: list[Decision | PatwardenError]) -> None:
    for answer, expect in zip(answers, case["expect"], strict=True):
        if "error" in expect:
            assert_error(answer, expect["error"], of_item=True)
        else:
            assert isinstance(answer, Decision)
            assert shown(answer) == expected(expect)


@pytest.mark.parametrize("case", named(vectors("batches")))
def test_batch(case: dict[str, Any], client: Client) -> None:
    assert_batch(case, client.batch_check(item_of(item) for item in case["items"]))


@pytest.mark.parametrize("case", named(vectors("batches")))
async def test_batch_async(case: dict[str, Any], async_client: AsyncClient) -> None:
    assert_batch(case, await async_client.batch_check(item_of(item) for item in case["items"]))


@pytest.mark.parametrize("case", named(vectors("lists")))
def test_list(case: dict[str, Any], client: Client) -> None:
    def ask() -> dict[str, Any]:
        resources = client.list_resources(token_of(case), case["type"], case["action"], context=context_of(case))
        head = {"token_valid": resources.token_valid, "reason": resources.reason.value}
        return {"resources": sorted(resources), "incomplete": resources.incomplete, **head}

    if "error" in case:
        with pytest.raises(PatwardenError) as raised:
            ask()
        assert_error(raised.value, case["error"])
    else:
        assert ask() == case["expect"]


@pytest.mark.parametrize("case", named(vectors("lists")))
async def test_list_async(case: dict[str, Any], async_client: AsyncClient) -> None:
    async def ask() -> dict[str, Any]:
        resources = await async_client.list_resources(
            token_of(case), case["type"], case["action"], context=context_of(case)
        )
        head = {"token_valid": resources.token_valid, "reason": resources.reason.value}
        received = sorted([resource async for resource in resources])
        return {"resources": received, "incomplete": resources.incomplete, **head}

    if "error" in case:
        with pytest.raises(PatwardenError) as raised:
            await ask()
        # grpc.aio drops the headers of a stream when its status comes right behind them.
        assert_error(raised.value, case["error"], has_request_id=False)
    else:
        assert await ask() == case["expect"]


_SERVICES = {
    "authorization": v1.authorization_pb2,
    "tokens": v1.token_pb2,
    "subjects": v1.subject_pb2,
    "policies": v1.policy_pb2,
    "audit": v1.audit_pb2,
    "usage": v1.usage_pb2,
    "self_service": v1.self_pb2,
}


def call_of(client: Client | AsyncClient, case: dict[str, Any]) -> tuple[Any, Any]:
    """The stub's method of the case, and its request."""
    name = "".join(word.capitalize() for word in case["call"].split("_"))
    for attribute, module in _SERVICES.items():
        for service in module.DESCRIPTOR.services_by_name.values():
            if method := service.methods_by_name.get(name):
                request = getattr(v1, method.input_type.name)()
                return getattr(getattr(client, attribute), name), json_format.ParseDict(case["request"], request)
    raise AssertionError(f"no service has {name}")


@pytest.mark.parametrize("case", named(vectors("errors")))
def test_error(case: dict[str, Any]) -> None:
    with Client(ENVIRONMENT["endpoint"], ENVIRONMENT["keys"][case["key"]], plaintext=True, check_timeout=30) as client:
        call, request = call_of(client, case)
        with pytest.raises((PatwardenError, grpc.RpcError)) as raised:
            reply = call(request)
            if case["call"] == "list_resources":
                list(reply)
        error = raised.value
        assert_error(PatwardenError.of(error) if isinstance(error, grpc.RpcError) else error, case["error"])


async def test_errors_async() -> None:
    clients = {
        name: AsyncClient(ENVIRONMENT["endpoint"], key, plaintext=True, check_timeout=30)
        for name, key in ENVIRONMENT["keys"].items()
    }
    for case in vectors("errors"):
        call, request = call_of(clients[case["key"]], case)
        is_stream = case["call"] == "list_resources"
        with pytest.raises(PatwardenError) as raised:
            if is_stream:
                [_ async for _ in call(request)]
            else:
                await call(request)
        assert_error(raised.value, case["error"], has_request_id=not is_stream)
    for client in clients.values():
        await client.close()
