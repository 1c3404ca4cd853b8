"""Mounted in Starlette, FastAPI and Litestar, and wrapped plainly; their routers against guard's paths."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from litestar import Litestar
from litestar import Request as LitestarRequest
from litestar import post as litestar_post
from litestar.middleware import DefineMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount, Route

from guard import GuardMiddleware

HONEST = b'{"a": 1, "b": 2}'
BREAKS_CONTRACT = b'{"a": 11, "b": 2}'
INFER = "/models/m/infer"


async def tell(request: Request) -> dict[str, Any]:
    verdict = getattr(request.state, "guard", None)
    return {"bytes": len(await request.body()), "action": verdict.action.label if verdict else None}


async def infer(request: Request) -> JSONResponse:
    """The model: tells the verdict it was handed."""
    return JSONResponse(await tell(request))


async def health(request: Request) -> JSONResponse:
    """Another endpoint, which may be excluded."""
    return JSONResponse({**await tell(request), "endpoint": "health"})


def routes() -> list[Any]:
    return [
        Route(INFER, infer, methods=["POST"]),
        Route("/health", health, methods=["POST"]),
        Mount("/sub", routes=[Route(INFER, infer, methods=["POST"])]),
    ]


def starlette_added(settings: Any) -> Any:
    app = Starlette(routes=routes())
    app.add_middleware(GuardMiddleware, settings=settings)
    return app


def starlette_listed(settings: Any) -> Any:
    return Starlette(routes=routes(), middleware=[Middleware(GuardMiddleware, settings=settings)])


def fastapi_added(settings: Any) -> Any:
    app = FastAPI(routes=routes())
    app.add_middleware(GuardMiddleware, settings=settings)
    return app


def wrapped(settings: Any) -> Any:
    return GuardMiddleware(Starlette(routes=routes()), settings)


def litestar_defined(settings: Any) -> Any:
    async def handler(request: LitestarRequest[Any, Any, Any]) -> dict[str, Any]:
        verdict = request.scope["state"].get("guard")
        endpoint = {"endpoint": "health"} if request.scope["path"].strip("/") == "health" else {}
        action = verdict.action.label if verdict else None
        return {"bytes": len(await request.body()), "action": action, **endpoint}

    # Litestar spells ASGI's messages out as typed dictionaries; guard takes any mapping.
    middleware = DefineMiddleware(GuardMiddleware, settings=settings)  # type: ignore[arg-type]
    handlers = [litestar_post(path, status_code=200)(handler) for path in (INFER, "/health", f"/sub{INFER}")]
    return Litestar(route_handlers=handlers, middleware=[middleware])


BUILDERS: list[Callable[[Any], Any]] = [starlette_added, starlette_listed, fastapi_added, wrapped, litestar_defined]
each_framework = pytest.mark.parametrize("build", BUILDERS)


@each_framework
def test_mounted_guard_passes_an_honest_request_with_its_verdict(call: Any, settings: Any, build: Any) -> None:
    answer = call(build(settings()), HONEST, path=INFER, headers=[(b"content-type", b"application/json")])

    assert answer.status == 200
    assert answer.json == {"bytes": len(HONEST), "action": "allow"}


@each_framework
def test_mounted_guard_refuses_what_breaks_the_contract(call: Any, settings: Any, build: Any) -> None:
    assert call(build(settings()), BREAKS_CONTRACT, path=INFER).status == 422


@each_framework
@pytest.mark.parametrize(
    "path",
    [
        INFER,
        f"/sub{INFER}",
        "//models/m/infer",
        "/v2//models/m/infer",
        f"{INFER}/",
        "/health/../models/m/infer",
        "/health/./x",
        "/V2/models/m/infer",
        "/models/m/INFER",
        "/models/m%2Finfer",
        "/health/",
        "/Health",
        "//health",
        "/health//",
        "/health\\",
    ],
)
def test_router_never_serves_a_body_that_guard_did_not_look_at(
    call: Any, settings: Any, scope_of: Any, build: Any, path: str
) -> None:
    """`/health` alone is excluded; however a path is spelt, no router may serve it unseen."""
    app = build(settings("monitor", exclude_paths="/health"))

    answer = call(app, HONEST, path=path)

    assert answer.status != 200 or answer.json["action"] == "allow" or answer.json["endpoint"] == "health"


@each_framework
def test_router_serves_the_excluded_path_unseen(call: Any, settings: Any, build: Any) -> None:
    answer = call(build(settings(exclude_paths="/health")), BREAKS_CONTRACT, path="/health")

    assert answer.json == {"bytes": len(BREAKS_CONTRACT), "action": None, "endpoint": "health"}


@pytest.mark.parametrize(
    ("path", "root_path"), [("/api/health", "/api"), ("/health", "/api")], ids=["prefixed", "not prefixed"]
)
def test_router_below_a_root_path_excludes_alike(
    call: Any, settings: Any, scope_of: Any, path: str, root_path: str
) -> None:
    app = starlette_added(settings(exclude_paths="/health"))

    answer = call(app, BREAKS_CONTRACT, path=path, root_path=root_path)

    assert answer.json["action"] is None


def test_guard_inside_a_mount_sees_paths_relative_to_it(call: Any, settings: Any) -> None:
    inner = GuardMiddleware(
        Starlette(routes=[Route("/health", health, methods=["POST"])]), settings(exclude_paths="/health")
    )
    app = Starlette(routes=[Mount("/inner", app=inner)])

    assert call(app, BREAKS_CONTRACT, path="/inner/health").json["action"] is None


def test_guard_behind_a_streaming_answer_doesn_t_cut_it_off(call: Any, settings: Any) -> None:
    """Starlette polls `receive` for a disconnect while it streams."""

    async def stream(request: Request) -> StreamingResponse:
        await request.body()

        async def parts() -> Any:
            for _ in range(5):
                await asyncio.sleep(0.01)
                yield b"part "

        return StreamingResponse(parts())

    app = GuardMiddleware(Starlette(routes=[Route("/", stream, methods=["POST"])]), settings())

    assert call(app, HONEST, path="/").body == b"part " * 5


def test_guard_leaves_is_disconnected_true_to_the_connection(call: Any, settings: Any) -> None:
    seen: list[bool] = []

    async def watch(request: Request) -> JSONResponse:
        await request.body()
        seen.append(await request.is_disconnected())
        return JSONResponse({})

    app = GuardMiddleware(Starlette(routes=[Route("/", watch, methods=["POST"])]), settings())

    async def run(*, gone: bool) -> None:
        messages: list[Any] = [{"type": "http.request", "body": HONEST, "more_body": False}]
        messages += [{"type": "http.disconnect"}] if gone else []

        async def receive() -> Any:
            if messages:
                return messages.pop(0)
            await asyncio.Event().wait()
            raise AssertionError

        async def send(_: Any) -> None:
            return

        headers = [(b"content-length", str(len(HONEST)).encode())]
        await app(
            {"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}, receive, send
        )

    asyncio.run(run(gone=False))
    asyncio.run(run(gone=True))

    assert seen == [False, True]


def test_guard_lets_exceptions_of_the_app_through(call: Any, settings: Any) -> None:
    async def broken(*_: Any) -> None:
        raise KeyError("theirs")

    with pytest.raises(KeyError, match="theirs"):
        call(GuardMiddleware(broken, settings()), HONEST)


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("theirs"), TimeoutError("theirs")])
def test_guard_lets_exceptions_of_receive_and_send_through(
    probe: Any, settings: Any, scope_of: Any, error: Any
) -> None:
    async def failing(*_: Any) -> Any:
        raise error

    async def body() -> Any:
        return {"type": "http.request", "body": BREAKS_CONTRACT, "more_body": False}

    async def ignore(_: Any) -> None:
        return

    scope = scope_of(headers=[(b"content-length", b"17")])
    with pytest.raises(type(error)):
        asyncio.run(GuardMiddleware(probe, settings())(scope, failing, ignore))
    with pytest.raises(type(error)):
        asyncio.run(GuardMiddleware(probe, settings())(scope, body, failing))
    assert probe.bodies == []


def test_guard_unlisted_scopes_are_passed_on(settings: Any) -> None:
    seen = []

    async def app(scope: Any, *_: Any) -> None:
        seen.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    asyncio.run(GuardMiddleware(app, settings())({"type": "custom"}, nothing, nothing))

    assert seen == ["custom"]


@pytest.mark.parametrize(
    ("mode", "choice", "denied"), [("enforce", "deny", True), ("enforce", "pass", False), ("monitor", "deny", False)]
)
def test_guard_websocket_as_the_settings_say(settings: Any, mode: str, choice: str, *, denied: bool) -> None:
    reached: list[str] = []
    sent: list[Any] = []

    async def app(scope: Any, *_: Any) -> None:
        reached.append(scope["type"])

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/ws", "headers": []}
    asyncio.run(GuardMiddleware(app, settings(mode, websocket=choice))(scope, receive, send))

    assert reached == ([] if denied else ["websocket"])
    assert sent == ([{"type": "websocket.close", "code": 1008}] if denied else [])


def test_guard_strips_spoofed_headers_from_a_websocket(settings: Any) -> None:
    reached: list[Any] = []

    async def app(scope: Any, *_: Any) -> None:
        reached.append(scope["headers"])

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    scope = {"type": "websocket", "path": "/ws", "headers": [(b"x-guard-verdict", b"allow"), (b"a", b"b")]}
    asyncio.run(GuardMiddleware(app, settings())(scope, nothing, nothing))

    assert reached == [[(b"a", b"b")]]


def test_guard_lifespan_starts_before_and_flushes_after_the_app(settings: Any, tmp_path: Any) -> None:
    order: list[str] = []
    guarded: list[GuardMiddleware] = []

    async def app(_: Any, receive: Any, send: Any) -> None:
        for _step in range(2):
            message = await receive()
            order.append(message["type"])
            await send({"type": f"{message['type']}.complete"})

    async def send(message: Any) -> None:
        order.append(message["type"])

    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Any:
        return messages.pop(0)

    guarded.append(GuardMiddleware(app, settings()))
    asyncio.run(guarded[0]({"type": "lifespan"}, receive, send))

    assert order == ["lifespan.startup", "lifespan.startup.complete", "lifespan.shutdown", "lifespan.shutdown.complete"]
    assert (tmp_path / "guard.db").exists()
