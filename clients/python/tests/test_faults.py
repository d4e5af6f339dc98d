"""Networks and servers that fail: an error each time, and never an answer that nobody gave."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from either import Either, connected
from environment import ENVIRONMENT, PATIENCE, control, redirects_followed, secret

from patwarden import AsyncClient, CheckItem, Client, Decision, PatwardenError, Reason, duration, v1

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ADMIN = ENVIRONMENT["keys"]["admin"]
TLS = ENVIRONMENT["tls"]
TRANSIENT = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


async def undecided(client: Either, **options: Any) -> PatwardenError:
    with pytest.raises(PatwardenError) as raised:
        await client.check(secret("alice"), "document:roadmap", "viewer", **options)
    return raised.value


async def until_decided(client: Either) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            decision = await client.check(secret("alice"), "document:roadmap", "viewer", timeout=1)
        except PatwardenError as error:
            assert error.code in TRANSIENT
            assert time.monotonic() < end
        else:
            assert decision.allowed
            return


@pytest.fixture
def faulty() -> Iterator[Callable[[str], None]]:
    """Does something to the network before the server, until the end of the test."""
    try:
        yield lambda fault: control(f"/server/{fault}")
    finally:
        control("/server/heal")


async def test_nobody_listens(kind: str) -> None:
    async with connected(kind, ENVIRONMENT["absent"], ADMIN, check_timeout=PATIENCE) as client:
        begin = time.monotonic()
        error = await undecided(client)
        assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, None)
        # It does not wait for its time to be over.
        assert time.monotonic() - begin < PATIENCE / 2


async def test_a_server_that_says_nothing(kind: str) -> None:
    async with connected(kind, ENVIRONMENT["silent"], ADMIN) as client:
        begin = time.monotonic()
        assert (await undecided(client)).code in TRANSIENT
        assert (await undecided(client, timeout=0.1)).code in TRANSIENT
        assert time.monotonic() - begin < PATIENCE


async def test_a_redirect_is_not_followed(kind: str) -> None:
    async with connected(kind, ENVIRONMENT["redirecting"], ADMIN, check_timeout=PATIENCE) as client:
        error = await undecided(client)
        assert error.code is not grpc.StatusCode.OK
    assert redirects_followed() == 0


async def test_a_connection_that_goes_silent(kind: str, faulty: Callable[[str], None]) -> None:
    async with connected(kind, ENVIRONMENT["proxied"], ADMIN) as client:
        await until_decided(client)
        faulty("stall")
        assert (await undecided(client, timeout=0.2)).code is grpc.StatusCode.DEADLINE_EXCEEDED
        faulty("heal")
        await until_decided(client)


async def test_a_connection_that_is_cut(kind: str, faulty: Callable[[str], None]) -> None:
    async with connected(kind, ENVIRONMENT["proxied"], ADMIN, check_timeout=PATIENCE) as client:
        await until_decided(client)
        faulty("cut")
        assert (await undecided(client)).code is grpc.StatusCode.UNAVAILABLE
        faulty("heal")
        await until_decided(client)


async def test_openfga_is_gone(kind: str, openfga_cut: None) -> None:
    async with connected(kind, ENVIRONMENT["endpoint"], ADMIN, check_timeout=PATIENCE) as client:
        error = await undecided(client)
        assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "OPENFGA_UNAVAILABLE")
        # A decision that needs no OpenFGA is still made.
        decision = await client.check(secret("revoked"), "document:roadmap", "viewer")
        assert (decision.allowed, decision.reason) == (False, Reason.TOKEN_REVOKED)


async def test_openfga_is_gone_for_a_batch(openfga_cut: None) -> None:
    async with AsyncClient(ENVIRONMENT["endpoint"], ADMIN, plaintext=True, check_timeout=PATIENCE) as client:
        results = await asyncio.gather(
            *(client.check(secret(alias), "document:roadmap", "viewer") for alias in ("alice", "revoked", "bob")),
            return_exceptions=True,
        )
    alice, revoked, bob = results
    for error in (alice, bob):
        assert isinstance(error, PatwardenError)
        assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "OPENFGA_UNAVAILABLE")
    assert isinstance(revoked, Decision)
    assert revoked.reason is Reason.TOKEN_REVOKED


async def test_more_than_the_server_takes(kind: str) -> None:
    async with connected(kind, ENVIRONMENT["endpoint"], ADMIN, check_timeout=PATIENCE) as either:
        client = either.client
        items = [CheckItem(secret("alice"), f"document:{'x' * 1_000}", "viewer")] * 400
        with pytest.raises(PatwardenError) as raised:
            await either.done(lambda: client.batch_check(items))
        assert raised.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_more_than_500_in_a_batch(kind: str) -> None:
    async with connected(kind, ENVIRONMENT["endpoint"], ADMIN, check_timeout=PATIENCE) as either:
        client = either.client
        items = [CheckItem(secret("alice"), "document:roadmap", "viewer")] * 501
        with pytest.raises(PatwardenError) as raised:
            await either.done(lambda: client.batch_check(items))
        assert raised.value.code is grpc.StatusCode.INVALID_ARGUMENT
        answers = await either.done(lambda: client.batch_check(items[:500]))
        assert [answer.allowed for answer in answers] == [True] * 500


async def test_a_list_of_many_messages(kind: str) -> None:
    everything = {f"document:archive-{number}" for number in range(1, 2501)}
    async with connected(kind, ENVIRONMENT["endpoint"], ADMIN, timeout=PATIENCE) as either:
        client = either.client
        resources = await either.done(lambda: client.list_resources(secret("librarian"), "document", "viewer"))
        assert resources.incomplete is None
        received = list(resources) if isinstance(client, Client) else [one async for one in resources]
        assert len(received) == len(everything)
        assert set(received) == everything
        assert resources.incomplete is False


async def test_a_restart_under_load(kind: str) -> None:
    """A kill costs errors that may be tried again, and no wrong answer."""
    questions = [
        (secret("alice"), "document:roadmap", "viewer", True),
        (secret("alice"), "document:payroll", "viewer", False),
        (secret("revoked"), "document:roadmap", "viewer", False),
        (secret("acme"), "document:price-list", "viewer", True),
    ]
    over = False
    decided, errors = 0, []

    def note(answer: Decision | PatwardenError, allowed: bool) -> None:
        nonlocal decided
        if isinstance(answer, PatwardenError):
            assert answer.code in TRANSIENT
            errors.append(answer)
        else:
            assert answer.allowed is allowed
            decided += 1

    async with connected(kind, ENVIRONMENT["endpoint"], ADMIN) as either:
        client = either.client

        # Where nobody listens, errors come without a pause.
        def ask_again(number: int) -> None:
            assert isinstance(client, Client)
            while not over:
                *question, allowed = questions[number % len(questions)]
                try:
                    note(client.check(*question), allowed)
                except PatwardenError as error:
                    note(error, allowed)
                    time.sleep(0.01)

        async def ask_again_async(number: int) -> None:
            assert isinstance(client, AsyncClient)
            while not over:
                *question, allowed = questions[number % len(questions)]
                try:
                    note(await client.check(*question), allowed)
                except PatwardenError as error:
                    note(error, allowed)
                    await asyncio.sleep(0.01)

        await until_decided(either)
        with ThreadPoolExecutor(16) as threads:
            loop = asyncio.get_running_loop()
            asking = (
                [loop.run_in_executor(threads, ask_again, number) for number in range(8)]
                if kind == "sync"
                else [asyncio.create_task(ask_again_async(number)) for number in range(32)]
            )
            try:
                while decided < 50:
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(control, "/restart")
                before = decided
                # A busy machine starts the server slowly, and these threads leave it little.
                end = time.monotonic() + 3 * PATIENCE
                while decided < before + 50 and not any(one.done() for one in asking):
                    assert time.monotonic() < end, errors[-1]
                    await asyncio.sleep(0.01)
            finally:
                over = True
            await asyncio.gather(*asking)
    assert errors, "nobody noticed the kill"


async def test_revoked_is_revoked(kind: str) -> None:
    async with connected(kind, ENVIRONMENT["endpoint"], ADMIN, check_timeout=PATIENCE, timeout=PATIENCE) as client:
        created = await client.call(
            "/patwarden.v1.TokenService/CreateToken",
            v1.CreateTokenRequest(
                subject="user:alice",
                name="python",
                ttl=duration(timedelta(hours=1)),
                grant=v1.Grant(rules=[v1.Rule(actions=["viewer"], resources=["document:*"])]),
            ),
        )
        assert (await client.check(created.secret, "document:roadmap", "viewer")).allowed
        await client.call("/patwarden.v1.TokenService/RevokeToken", v1.RevokeTokenRequest(id=created.token.id))
        decision = await client.check(created.secret, "document:roadmap", "viewer")
        assert (decision.allowed, decision.reason) == (False, Reason.TOKEN_REVOKED)


def tls_options(**others: Any) -> dict[str, Any]:
    files = {"ca": TLS["ca"], "client_certificate": TLS["client_cert"], "client_key": TLS["client_key"]}
    return {**{name: Path(file).read_bytes() for name, file in files.items()}, "check_timeout": PATIENCE, **others}


def test_tls() -> None:
    with Client(TLS["endpoint"], ADMIN, **tls_options()) as client:
        assert client.check(secret("alice"), "document:roadmap", "viewer").allowed


async def test_tls_async() -> None:
    async with AsyncClient(TLS["endpoint"], ADMIN, **tls_options()) as client:
        assert (await client.check(secret("alice"), "document:roadmap", "viewer")).allowed


def test_tls_with_the_authorities_of_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", TLS["ca"])
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with Client(TLS["endpoint"], ADMIN, **tls_options(ca=None)) as client:
        assert client.check(secret("alice"), "document:roadmap", "viewer").allowed


def test_tls_with_a_folder_of_authorities(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "0a1b2c3d.0").write_bytes(Path(TLS["ca"]).read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with Client(TLS["endpoint"], ADMIN, **tls_options(ca=None)) as client:
        assert client.check(secret("alice"), "document:roadmap", "viewer").allowed


@pytest.mark.parametrize(
    "others", [{"ca": None}, {"client_certificate": None, "client_key": None}], ids=["unknown server", "nobody"]
)
def test_tls_without_trust(others: dict[str, Any]) -> None:
    with Client(TLS["endpoint"], ADMIN, **tls_options(**others)) as client:
        with pytest.raises(PatwardenError) as raised:
            client.check(secret("alice"), "document:roadmap", "viewer")
        assert raised.value.code is grpc.StatusCode.UNAVAILABLE


def test_tls_to_a_server_without_it() -> None:
    with Client(ENVIRONMENT["endpoint"], ADMIN, check_timeout=PATIENCE) as client:
        with pytest.raises(PatwardenError) as raised:
            client.check(secret("alice"), "document:roadmap", "viewer")
        assert raised.value.code is grpc.StatusCode.UNAVAILABLE
