"""The guards of all frameworks answer alike: the vectors, and what is each one's own."""

from __future__ import annotations

import asyncio
import base64
import io
import logging
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import django
import fastapi
import grpc
import httpx
import pytest
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.urls import path
from environment import ENVIRONMENT, PATIENCE, control, secret, vectors
from google.rpc import error_details_pb2, status_pb2
from stand_in import TOKEN, Call, StandIn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

import patwarden.django
import patwarden.fastapi
import patwarden.starlette
from patwarden import AsyncClient, Client, Decision, PatwardenError, Reason, duration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ADMIN = ENVIRONMENT["keys"]["admin"]
FRAMEWORKS = ["fastapi", "starlette", "django wsgi", "django asgi"]

# The middleware that Django makes, by a name in its settings.
django_guard: Any = None

settings.configure(
    SECRET_KEY="of the tests",
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[f"{__name__}.django_guard"],
    ALLOWED_HOSTS=["*"],
    DATABASES={},
    LOGGING_CONFIG=None,
)
django.setup()


def django_view(request: HttpRequest, **_arguments: str) -> JsonResponse:
    decision: Decision | None = getattr(request, "patwarden", None)
    return JsonResponse({"subject": decision.subject if decision else None})


async def django_async_view(request: HttpRequest, **arguments: str) -> JsonResponse:
    return django_view(request, **arguments)


urlpatterns = [
    path("open", django_view, name="open"),
    path("forgotten", django_view, name="forgotten"),
    path("async/<path:permission>", django_async_view, name="guarded-async"),
    path("<path:permission>", django_view, name="guarded"),
]


def split(text: str) -> tuple[str, str]:
    """`document:roadmap/viewer`."""
    resource, _, action = text.rpartition("/")
    return resource, action


def of_connection(connection: HTTPConnection) -> Any:
    match connection.scope["path"].removeprefix("/"):
        case "open":
            return patwarden.starlette.PUBLIC
        case "forgotten":
            return None
        case guarded:
            return split(guarded)


def of_django(request: HttpRequest) -> Any:
    match = request.resolver_match
    assert match is not None
    if match.view_name == "open":
        return patwarden.django.PUBLIC
    return None if match.view_name == "forgotten" else split(match.kwargs["permission"])


def make_fastapi(client: AsyncClient, **options: Any) -> Any:
    app = fastapi.FastAPI()
    guard = patwarden.fastapi.Guard(client, **options)
    guard.install(app)

    def permission(guarded: str) -> patwarden.fastapi.Permission | None:
        return None if guarded == "forgotten" else split(guarded)

    @app.get("/{guarded:path}")
    async def handle(decision: Decision = fastapi.Depends(guard(permission))) -> dict[str, str | None]:
        return {"subject": decision.subject}

    return app


def make_starlette(client: AsyncClient, **options: Any) -> Any:
    async def handle(request: Request) -> JSONResponse:
        decision: Decision | None = getattr(request.state, "patwarden", None)
        return JSONResponse({"subject": decision.subject if decision else None})

    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json({"subject": websocket.state.patwarden.subject})
        await websocket.close()

    middleware = Middleware(patwarden.starlette.PatwardenMiddleware, client=client, permission=of_connection, **options)
    routes = [WebSocketRoute("/talk/{guarded:path}", talk), Route("/{guarded:path}", handle)]
    return Starlette(routes=routes, middleware=[middleware])


@asynccontextmanager
async def guarded_by(
    framework: str, endpoint: str, key: Any = ADMIN, **options: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a guarded application; without coalescing, so that all frameworks make the same calls."""
    global django_guard
    connection = {"plaintext": True, "check_timeout": PATIENCE}
    transport: httpx.AsyncBaseTransport
    if framework == "django wsgi":
        client = Client(endpoint, key, **connection)  # type: ignore[arg-type]
        django_guard = patwarden.django.guard(client, of_django, **options)
        transport = Wsgi()
        close: Any = lambda: asyncio.to_thread(client.close)
    else:
        async_client = AsyncClient(endpoint, key, coalesce=False, **connection)  # type: ignore[arg-type]
        close = async_client.close
        match framework:
            case "fastapi":
                app = make_fastapi(async_client, **options)
            case "starlette":
                app = make_starlette(async_client, **options)
            case _:
                django_guard = patwarden.django.guard(async_client, of_django, **options)
                app = ASGIHandler()
        transport = httpx.ASGITransport(app=app, client=("192.0.2.7", 123))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            yield http
    finally:
        await close()


class Wsgi(httpx.AsyncBaseTransport):
    """As servers do it: repeated headers are joined, the application runs in a thread."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "PATH_INFO": unquote(request.url.raw_path.decode().partition("?")[0]).encode().decode("latin-1"),
            "QUERY_STRING": request.url.query.decode(),
            "SERVER_NAME": "test",
            "SERVER_PORT": "80",
            "REMOTE_ADDR": "192.0.2.7",
            "wsgi.input": io.BytesIO(),
            "wsgi.url_scheme": "http",
        }
        for name, value in request.headers.raw:
            variable = f"HTTP_{name.decode().upper().replace('-', '_')}"
            text = value.decode("latin-1")
            environ[variable] = f"{environ[variable]},{text}" if variable in environ else text
        started: list[Any] = []

        def run() -> bytes:
            return b"".join(WSGIHandler()(environ, lambda status, headers: started.extend((status, headers))))

        content = await asyncio.to_thread(run)
        status, headers = started
        return httpx.Response(int(status.split()[0]), headers=headers, content=content)


@pytest.fixture(params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in vectors("guards")])
async def test_vector(case: dict[str, Any], framework: str) -> None:
    faults = case.get("fault", {})
    for name, fault in faults.items():
        control(f"/{name}/{fault}")
    try:
        options = {"explain_invalid_token": case.get("explain_invalid_token", False)}
        async with guarded_by(framework, ENVIRONMENT["endpoint"], **options) as http:
            path = quote(f"/{case['route']['resource']}/{case['route']['action']}", safe="/:")
            url = httpx.URL(path, query=case.get("query", "").encode())
            response = await http.request(case["method"], url, headers=case["headers"])
    finally:
        for name in faults:
            control(f"/{name}/heal")
    expect = case["expect"]
    assert response.status_code == expect["status"], response.text
    if response.status_code == 200:
        assert response.json() == {"subject": expect["subject"]}
        return
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == expect["body"]
    challenge = response.headers.get("www-authenticate", "")
    assert expect.get("www_authenticate", "") in challenge
    assert expect.get("www_authenticate_without", "no such text") not in challenge
    assert ("www-authenticate" in response.headers) == (expect["status"] == 401)
    assert ("retry-after" in response.headers) == (expect["status"] == 503)
    for header in case["headers"].values():
        assert header not in response.text + challenge or len(header) < 8


async def test_two_lines_of_authorization(framework: str) -> None:
    async with guarded_by(framework, ENVIRONMENT["endpoint"]) as http:
        two = [("Authorization", f"Bearer {secret('alice')}"), ("Authorization", f"Bearer {secret('bob')}")]
        response = await http.get("/document:roadmap/viewer", headers=two)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="patwarden", error="invalid_request"'


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer\t{TOKEN}"},
        {"Authorization": f"  Bearer   {TOKEN}  "},
        {"X-API-Key": f" {TOKEN}\t"},
        {"Authorization": "Basic " + base64.b64encode(f":{TOKEN}".encode()).decode()},
        {"Authorization": "Digest username=a", "X-API-Key": TOKEN},
        {"Authorization": f"Bearer {TOKEN}", "X-API-Key": ""},
    ],
)
async def test_credentials_that_are_read(stand_in: StandIn, framework: str, headers: dict[str, str]) -> None:
    async with guarded_by(framework, stand_in.endpoint) as http:
        response = await http.get("/a:yes/viewer", headers=headers)
    assert response.status_code == 200
    [call] = stand_in.calls
    assert (call.request.token, call.request.resource, call.request.action) == (TOKEN, "a:yes", "viewer")


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {TOKEN},{TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN} {TOKEN}"},
        {"Authorization": "Basic %%%", "X-API-Key": TOKEN},
        {"Authorization": f"Basic {base64.b64encode(b'a:other').decode()}", "X-API-Key": TOKEN},
        {"Authorization": "Bearer", "X-API-Key": TOKEN},
        {"X-API-Key": f"{TOKEN}, {TOKEN}"},
        {"X-API-Key": "t\xf6ken"},
        {"Authorization": "Basic " + base64.b64encode(b"a:\xff").decode()},
    ],
)
async def test_credentials_that_are_not(stand_in: StandIn, framework: str, headers: dict[str, str]) -> None:
    async with guarded_by(framework, stand_in.endpoint) as http:
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        response = await http.get("/a:yes/viewer", headers=encoded)
    assert response.status_code == 401
    assert "error=" in response.headers["www-authenticate"]
    assert stand_in.calls == []


async def test_the_host_verifies_what_is_not_ours(stand_in: StandIn, framework: str, caplog: Any) -> None:
    asked: list[tuple[str, str, str]] = []

    def verify(credential: str, resource: str, action: str) -> Decision | None:
        asked.append((credential, resource, action))
        match credential:
            case "jwt-of-carol":
                return Decision.allow("user:carol", organization="organization:acme")
            case "jwt-of-dave":
                return Decision(False, Reason.NOT_PERMITTED, True, "user:dave")
            case "jwt-of-nobody":
                return None
            case "jwt-of-the-dead":
                return Decision(False, Reason.TOKEN_REVOKED, False)
            case _:
                raise PatwardenError(grpc.StatusCode.UNAVAILABLE, "the issuer does not answer")

    async with guarded_by(framework, stand_in.endpoint, verify=verify, realm="acme") as http:

        async def status(credential: str) -> int:
            response = await http.get("/a:yes/viewer", headers={"Authorization": f"Bearer {credential}"})
            if response.status_code == 200:
                assert response.json() == {"subject": "user:carol" if credential != TOKEN else "a:yes"}
            if response.status_code == 401:
                assert response.headers["www-authenticate"] == 'Bearer realm="acme", error="invalid_token"'
            return response.status_code

        people = ("carol", "dave", "nobody", "the-dead", "anybody")
        assert [await status(f"jwt-of-{name}") for name in people] == [200, 403, 401, 401, 503]
        # Ours are not shown to it, not even broken ones.
        assert await status(TOKEN) == 200
        assert await status(TOKEN[:-1]) == 401
        assert await status("pw_svc_something") == 401
    assert asked == [(f"jwt-of-{name}", "a:yes", "viewer") for name in people]
    assert len(stand_in.calls) == 1


@pytest.mark.parametrize("framework", ["fastapi", "starlette", "django asgi"])
async def test_callbacks_may_be_async(stand_in: StandIn, framework: str) -> None:
    async def verify(credential: str, resource: str, action: str) -> Decision | None:
        await asyncio.sleep(0)
        return Decision.allow("user:carol") if credential == "theirs" else None

    async with guarded_by(framework, stand_in.endpoint, verify=verify) as http:
        good = await http.get("/a:yes/viewer", headers={"X-API-Key": "theirs"})
        bad = await http.get("/a:yes/viewer", headers={"X-API-Key": "others"})
    assert (good.status_code, bad.status_code) == (200, 401)


async def test_an_async_permission(stand_in: StandIn) -> None:
    async def permission(_connection: HTTPConnection) -> tuple[str, str]:
        await asyncio.sleep(0)
        return "a:no", "viewer"

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise AssertionError("it must not come here")

    async with AsyncClient(stand_in.endpoint, ADMIN, plaintext=True) as client:
        guarded = patwarden.starlette.PatwardenMiddleware(app, client=client, permission=permission)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=guarded), base_url="http://test") as http:
            assert (await http.get("/", headers={"X-API-Key": TOKEN})).status_code == 403


async def test_a_verifier_that_breaks_lets_nobody_in(stand_in: StandIn, framework: str) -> None:
    def verify(credential: str, resource: str, action: str) -> Decision | None:
        raise RuntimeError("a defect of the host")

    async with guarded_by(framework, stand_in.endpoint, verify=verify) as http:
        try:
            response = await http.get("/a:yes/viewer", headers={"X-API-Key": "theirs"})
        except RuntimeError as error:
            assert str(error) == "a defect of the host"
        else:
            assert response.status_code == 500


async def test_fastapis_own_body_without_install(stand_in: StandIn) -> None:
    app = fastapi.FastAPI()
    async with AsyncClient(stand_in.endpoint, ADMIN, plaintext=True) as client:
        guard = patwarden.fastapi.Guard(client)
        app.get("/", dependencies=[fastapi.Depends(guard(lambda: ("a:no", "viewer")))])(lambda: None)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as http:
            response = await http.get("/", headers={"X-API-Key": TOKEN})
    assert (response.status_code, response.json()) == (403, {"detail": "The token does not allow this."})


async def test_the_log_names_what_the_key_failed_with(framework: str, caplog: pytest.LogCaptureFixture) -> None:
    def key() -> str:
        raise OSError("the vault is sealed")

    async with guarded_by(framework, "127.0.0.1:1", key=key) as http:
        response = await http.get("/a:yes/viewer", headers={"X-API-Key": TOKEN})
    assert response.status_code == 503
    [record] = [record for record in caplog.records if record.name == "patwarden"]
    assert record.getMessage().endswith("; cause: OSError('the vault is sealed')")


async def test_a_client_address_is_told_only_when_asked_for(stand_in: StandIn, framework: str) -> None:
    peer = patwarden.django.peer_address if framework.startswith("django") else patwarden.starlette.peer_address
    for options in ({}, {"client_ip": peer}, {"client_ip": lambda request: request.headers["x-our-proxy-says"]}):
        async with guarded_by(framework, stand_in.endpoint, **options) as http:
            forged = {"X-Forwarded-For": "203.0.113.1", "X-Real-IP": "203.0.113.1", "X-Our-Proxy-Says": "198.51.100.9"}
            response = await http.get("/a:yes/viewer", headers={"X-API-Key": TOKEN, **forged})
            assert response.status_code == 200
    nothing, of_peer, of_proxy = (call.request.context.client_ip for call in stand_in.calls)
    assert (nothing, of_proxy) == ("", "198.51.100.9")
    assert of_peer == "192.0.2.7"


async def test_a_path_that_was_forgotten_is_refused(stand_in: StandIn, framework: str) -> None:
    async with guarded_by(framework, stand_in.endpoint) as http:
        response = await http.get("/forgotten", headers={"X-API-Key": TOKEN})
    assert response.status_code == 403
    assert stand_in.calls == []


@pytest.mark.parametrize("framework", ["starlette", "django wsgi", "django asgi"])
async def test_a_public_path_needs_nothing(stand_in: StandIn, framework: str) -> None:
    async with guarded_by(framework, stand_in.endpoint) as http:
        response = await http.get("/open")
    assert (response.status_code, response.json()) == (200, {"subject": None})


@pytest.mark.parametrize("framework", ["django wsgi", "django asgi"])
async def test_an_async_view_of_django(stand_in: StandIn, framework: str) -> None:
    async with guarded_by(framework, stand_in.endpoint) as http:
        allowed = await http.get("/async/a:yes/viewer", headers={"X-API-Key": TOKEN})
        denied = await http.get("/async/a:no/viewer", headers={"X-API-Key": TOKEN})
    assert (allowed.status_code, allowed.json(), denied.status_code) == (200, {"subject": "a:yes"}, 403)


@pytest.mark.parametrize(("delay", "seconds"), [(None, "1"), (0.2, "1"), (2.5, "3")])
async def test_when_to_try_again(
    stand_in: StandIn, framework: str, delay: float | None, seconds: str, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(_call: Call, context: grpc.ServicerContext) -> None:
        details = status_pb2.Status(code=8)
        if delay is not None:
            retry = error_details_pb2.RetryInfo(retry_delay=duration(timedelta(seconds=delay)))
            details.details.add().Pack(retry)
        context.set_trailing_metadata((("grpc-status-details-bin", details.SerializeToString()),))
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too much at once")

    stand_in.answers["Check"] = answer
    async with guarded_by(framework, stand_in.endpoint) as http:
        response = await http.get("/a:yes/viewer", headers={"X-API-Key": TOKEN})
    assert (response.status_code, response.headers["retry-after"]) == (503, seconds)
    # The operator can see why, and no token.
    [record] = [record for record in caplog.records if record.name == "patwarden"]
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "no decision about viewer of a:yes: RESOURCE_EXHAUSTED: too much at once"
    assert TOKEN not in caplog.text


async def talk(endpoint: str, path: str, *headers: tuple[bytes, bytes], denials: bool = True) -> list[dict[str, Any]]:
    """What a server is told to do with a WebSocket."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": path,
        "query_string": b"",
        "headers": headers,
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}} if denials else {},
    }
    async with AsyncClient(endpoint, ADMIN, plaintext=True, check_timeout=PATIENCE) as client:
        await make_starlette(client)(scope, receive, send)
    return sent


async def test_a_websocket_that_may(stand_in: StandIn) -> None:
    accepted, said, _closed = await talk(stand_in.endpoint, "/talk/a:yes/viewer", (b"x-api-key", TOKEN.encode()))
    assert accepted["type"] == "websocket.accept"
    assert said["text"] == '{"subject":"talk/a:yes"}'


@pytest.mark.parametrize(("headers", "status"), [([], 401), ([(b"x-api-key", TOKEN.encode())], 403)])
async def test_a_websocket_that_may_not(stand_in: StandIn, headers: list[tuple[bytes, bytes]], status: int) -> None:
    start, body = await talk(stand_in.endpoint, "/talk/a:no/viewer", *headers)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", status)
    assert body["type"] == "websocket.http.response.body"
    challenges = [value for name, value in start["headers"] if name == b"www-authenticate"]
    assert challenges == ([b'Bearer realm="patwarden"'] if status == 401 else [])


async def test_a_websocket_of_a_server_without_denials(stand_in: StandIn) -> None:
    [message] = await talk(stand_in.endpoint, "/talk/a:no/viewer", denials=False)
    assert (message["type"], message["code"]) == ("websocket.close", 1008)


async def test_the_documentation_of_fastapi_names_the_credentials(stand_in: StandIn) -> None:
    async with guarded_by("fastapi", stand_in.endpoint) as http:
        document = (await http.get("/openapi.json")).json()
    schemes = document["components"]["securitySchemes"]
    assert {(scheme["type"], scheme.get("scheme"), scheme.get("name")) for scheme in schemes.values()} == {
        ("http", "bearer", None),
        ("apiKey", None, "X-API-Key"),
    }


@pytest.mark.parametrize("realm", ["", 'a"b', "a\\b", "a\nb", "ключ"])
def test_a_realm_that_cannot_be(realm: str) -> None:
    client = AsyncClient("localhost:9081", ADMIN, plaintext=True)
    with pytest.raises(ValueError, match="realm"):
        patwarden.fastapi.Guard(client, realm=realm)
