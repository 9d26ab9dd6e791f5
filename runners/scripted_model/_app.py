"""The endpoint as an ASGI app: four protocols, one script."""

import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from runners.scripted_model._anthropic import ANTHROPIC
from runners.scripted_model._chat import CHAT
from runners.scripted_model._conversation import Reply
from runners.scripted_model._dialect import (
    CHARACTERS_A_TOKEN,
    Dialect,
    Told,
    UnreadableError,
    Usage,
    usage_of,
)
from runners.scripted_model._faults import Course, Faults
from runners.scripted_model._gemini import GEMINI
from runners.scripted_model._replay import Script, reply_to
from runners.scripted_model._responses import RESPONSES
from tasks import JSON

_BASE = r"(?:/as/(?P<name>[^/]+))?(?:/v1(?:beta|alpha)?)?"
_PLAIN = re.compile(_BASE + r"/(?P<verb>messages|chat/completions|responses)")
_GEMINI = re.compile(
    _BASE + r"/models/(?P<model>[^/:]+):(?P<verb>generateContent|streamGenerateContent)"
)
_COUNT = re.compile(_BASE + r"/(?:messages/count_tokens|models/[^/:]+:countTokens)")
_MODELS = re.compile(_BASE + r"/models(?:/(?P<model>[^/:]+))?")
_DIALECTS = {"messages": ANTHROPIC, "chat/completions": CHAT, "responses": RESPONSES}


@dataclass(frozen=True)
class Exchange:
    """One request for a reply, as the endpoint saw it. Holds no key."""

    name: str
    """NAME of the base URL `…/as/NAME`; '' for the plain one."""
    protocol: str
    stream: bool
    tools: int
    """Offered."""
    results: int
    """Tool results in the conversation."""
    said: str
    """The tool asked for, or `words`; '' if the request failed by a fault or its own fault."""
    status: int
    fault: str
    """What went wrong on purpose; `ok` if nothing."""
    usage: Usage | None = None
    """What the response told; None: it failed before it could tell."""


@dataclass(frozen=True)
class Total:
    """Usage of all replies under one name, as the responses told it."""

    requests: int = 0
    failed: int = 0
    """Of these: without a whole reply."""
    input: int = 0
    output: int = 0
    cached: int = 0

    def plus(self, seen: Exchange) -> "Total":
        """With one exchange more."""
        usage = seen.usage or Usage(0, 0, 0)
        return Total(
            requests=self.requests + 1,
            failed=self.failed + (seen.usage is None),
            input=self.input + usage.input,
            output=self.output + usage.output,
            cached=self.cached + usage.cached,
        )


def unheard(seen: Exchange) -> None:
    """The `listen` of an endpoint that nobody listens to."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How an endpoint behaves."""

    script: Script
    faults: Faults = field(default_factory=Faults)
    seed: int = 0
    """Of the scripts' draws."""
    key: str = ""
    """The key that requests must bring, else 401; '': any or none will do."""
    listen: Callable[[Exchange], None] = unheard
    """Called after each request for a reply."""


@dataclass
class Model:
    """The endpoint's app, and what it counts."""

    behaviour: Behaviour
    totals: dict[str, Total] = field(default_factory=dict[str, Total])
    closing: anyio.Event = field(default_factory=anyio.Event)
    """Set at the end, for requests that hang."""

    def __post_init__(self) -> None:
        self._course = Course(self.behaviour.faults)

    def app(self) -> Starlette:
        """The ASGI app."""
        methods = ["GET", "POST", "HEAD"]
        return Starlette(routes=[Route("/{path:path}", self._serve, methods=methods)])

    async def _serve(self, request: Request) -> Response:
        path = request.url.path
        if request.method == "POST":
            if plain := _PLAIN.fullmatch(path):
                return await self._reply(request, plain["name"], _DIALECTS[plain["verb"]], "")
            if gemini := _GEMINI.fullmatch(path):
                return await self._reply(request, gemini["name"], GEMINI, gemini["model"])
            if _COUNT.fullmatch(path):
                tokens = -(-len(await request.body()) // CHARACTERS_A_TOKEN)
                # The first is Anthropic's name, the other Gemini's.
                return JSONResponse({"input_tokens": tokens, "totalTokens": tokens})
        elif models := _MODELS.fullmatch(path):
            return JSONResponse(_models(models["model"]))
        elif path in {"/", "/usage"}:
            return JSONResponse(self._told() if path == "/usage" else _ABOUT)
        return JSONResponse({"error": {"message": f"There is no {path} here."}}, 404)

    def _told(self) -> dict[str, JSON]:
        return {name: dict(vars(total)) for name, total in self.totals.items()}

    async def _reply(
        self, request: Request, name: str | None, dialect: Dialect, model: str
    ) -> Response:
        raw = await request.body()
        visit = _Visit(name or "", dialect, self)
        if not _admits(self.behaviour.key, request):
            return visit.refuse(401, "the API key is missing or wrong")
        fault = self._course.next()
        await anyio.sleep(self.behaviour.faults.delay_s)
        if fault.isdigit():
            return visit.refuse(int(fault), f"a fault on purpose: {fault}", fault)
        if fault == "hang":
            visit.note(fault=fault, status=0)
            return _Broken((), self.closing)
        try:
            body = json.loads(raw)
            found = dialect.read(body, model)
        except (UnreadableError, ValueError, TypeError, AttributeError, KeyError) as error:
            return visit.refuse(400, f"{type(error).__name__}: {error}")
        reply = reply_to(self.behaviour.script, found, self.behaviour.seed)
        number = len(found.results) + found.earlier
        told = Told(reply, usage_of(len(raw), found, reply), found.model, number)
        stream = bool(body.get("stream")) or ":streamGenerateContent" in request.url.path
        visit.note(
            fault=fault,
            stream=stream,
            tools=len(found.tools),
            results=len(found.results),
            said=_said(reply) if fault == "ok" else "",
            usage=told.usage if fault == "ok" else None,
        )
        frames = dialect.frames(told) if stream else [json.dumps(dialect.whole(told))]
        return _sent(frames, stream, fault, self.closing)


@dataclass(frozen=True)
class _Visit:
    """One request for a reply, on its way to being told of."""

    name: str
    dialect: Dialect
    model: Model

    def note(self, *, fault: str, status: int = 200, stream: bool = False, **seen: object) -> None:
        facts: dict[str, object] = {"tools": 0, "results": 0, "said": "", **seen}
        exchange = Exchange(
            name=self.name,
            protocol=self.dialect.name,
            status=status,
            fault=fault,
            stream=stream,
            **facts,  # pyright: ignore[reportArgumentType] - the fields of Exchange
        )
        totals = self.model.totals
        totals[self.name] = totals.get(self.name, Total()).plus(exchange)
        self.model.behaviour.listen(exchange)

    def refuse(self, status: int, message: str, fault: str = "ok") -> Response:
        self.note(fault=fault, status=status)
        # At once: whoever tries out retries need not wait for them. SDKs take the second one.
        passing = status == 429 or status >= 500
        headers = {"Retry-After": "0", "Retry-After-Ms": "1"} if passing else {}
        return JSONResponse(self.dialect.failure(status, message), status, headers)


class _Broken(Response):
    """An answer that stops after some parts: silent until the client goes, or cut off."""

    def __init__(self, parts: Iterable[str], closing: anyio.Event | None, kind: str = "") -> None:
        self.parts, self.closing, self.kind = tuple(parts), closing, kind
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", self.kind.encode())]
        if self.parts:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
        for part in self.parts:
            await send({"type": "http.response.body", "body": part.encode(), "more_body": True})
        if self.closing is None:
            return  # without the last part uvicorn closes the connection: that is the cut
        async with anyio.create_task_group() as waiting:
            waiting.start_soon(_cancel_at, self.closing, waiting.cancel_scope)
            while (await receive())["type"] != "http.disconnect":
                pass
            waiting.cancel_scope.cancel()
        if not self.parts:
            # An answer that never began would be a 500 to uvicorn; this one is cut off.
            await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _cancel_at(closing: anyio.Event, scope: anyio.CancelScope) -> None:
    await closing.wait()
    scope.cancel()


def _sent(frames: Iterable[str], stream: bool, fault: str, closing: anyio.Event) -> Response:
    kind = "text/event-stream; charset=utf-8" if stream else "application/json"
    text = "".join(frames)
    half = text[: len(text) // 2]
    if fault == "cut":
        return _Broken([half], None, kind)
    if fault == "stall":
        return _Broken([half], closing, kind)
    if fault == "malformed":
        text = 'data: {"type": \n\n' if stream else '{"id": '
    return Response(text, media_type=kind)


def _said(reply: Reply) -> str:
    return reply.ask.tool.name if reply.ask else "words"


def _admits(key: str, request: Request) -> bool:
    if not key:
        return True
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    brought = [request.headers.get(name, "") for name in ("x-api-key", "x-goog-api-key")]
    brought += [bearer, request.query_params.get("key", "")]
    return any(secrets.compare_digest(key.encode(), one.encode()) for one in brought)


_ABOUT: Mapping[str, JSON] = {"proctor": "scripted model"}


def _models(model: str | None) -> dict[str, JSON]:
    card: dict[str, JSON] = {
        "id": model or "scripted",
        "name": f"models/{model or 'scripted'}",
        "object": "model",
        "type": "model",
        "display_name": "Proctor's scripted model",
        "created": 0,
        "created_at": "1970-01-01T00:00:00Z",
        "owned_by": "proctor",
    }
    if model:
        return card
    return {"object": "list", "data": [card], "models": [card], "has_more": False}
