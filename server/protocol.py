"""The hall in the words of MCP: one low-level `mcp` server for both protocol eras.

Everything a model must see goes as content blocks and never as `structuredContent`, which some
clients show instead of them. Only the text of an `AgentFault` reaches an agent; any other failure
becomes an incident number there and a traceback in the daemon's log.
"""

import base64
import hashlib
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Protocol, TypeVar

import anyio
import mcp_types as types
from mcp.server import NotificationOptions, Server
from mcp.server.context import ServerRequestContext
from mcp.server.models import InitializationOptions
from mcp.shared.exceptions import MCPError
from starlette.requests import Request

from server import shelf
from server.callers import Caller, Progress
from server.calls import Calls
from server.replies import Picture, Reply, Text
from server.tools._core import Tool
from tasks import JSON, AgentFault

log = logging.getLogger("proctor.protocol")

TOKEN_KEY = "proctor.token"  # noqa: S105 - a name, not a secret
"""Where the HTTP door leaves the caller's token in the ASGI scope."""

INSTRUCTIONS = (
    "Proctor is an exam hall: tasks are solved in a notebook whose kernel runs in a sealed room. "
    "Start with start_task (list_tasks shows them); it gives the brief and a session_id. Run code "
    "with execute_code(session_id, code); submit once with submit_answer(session_id, answer)."
)

R = TypeVar("R")


class Hall(Protocol):
    """What the protocol needs of the hall."""

    async def call(
        self, caller: Caller, tool: str, arguments: Mapping[str, JSON], progress: Progress
    ) -> Reply:
        """Run a tool; AgentFault is for the agent to read."""
        ...

    def listed(self, caller: Caller, sha256: str, count: int) -> None:
        """The caller was offered `count` tools whose canonical schemas hash to `sha256`."""
        ...

    def calculates(self, caller: Caller) -> bool:
        """Whether a task of the caller's allows calculators; else none is listed."""
        ...

    def notebook(self, caller: Caller, session: str | None) -> str:
        """The notebook (JSON text) of a session of the caller; None: its attempt's own."""
        ...


@dataclass(frozen=True)
class Door:
    """Where a connection came in; the protocol's `lifespan` state."""

    token: str | None = None
    connection: str = "local"
    gone: anyio.Event = field(default_factory=anyio.Event)
    """Set when the other end vanished: then what it had started runs on."""


Context = ServerRequestContext[Any, Request]


def tool_list(tools: Sequence[Tool[Any]]) -> list[types.Tool]:
    """The tools as they are offered."""
    return [
        types.Tool(
            name=tool.name,
            description=tool.description,
            input_schema=_bare(portable(tool.input_schema)),
            annotations=types.ToolAnnotations(read_only_hint=True) if tool.read_only else None,
        )
        for tool in tools
    ]


def portable(schema: JSON) -> JSON:
    """Drop `null` alternatives: an optional argument is left out, and fewer clients stumble."""
    if isinstance(schema, list):
        return [portable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: portable(part) for name, part in schema.items()}
    if kept.get("default", 0) is None:
        del kept["default"]
    options = kept.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        rest = [option for option in options if option != {"type": "null"}]
        del kept["anyOf"]
        kept = {**kept, **rest[0]} if len(rest) == 1 else {**kept, "anyOf": rest}
    return kept


def _bare(schema: JSON) -> JSON:
    # The root's description is the docstring of a Python class; the tool's own says it better.
    return {name: part for name, part in schema.items() if name != "description"}


def offered_sha256(offered: Sequence[types.Tool]) -> str:
    """Hash of the canonical JSON (sorted keys, no spaces) of the offered tools."""
    dumped = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in offered]
    text = json.dumps(dumped, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def build_server(hall: Hall, tools: Sequence[Tool[Any]], calls: Calls | None = None) -> Server[Any]:
    """The MCP server over a hall; `calls` lets calls outlive their connection."""
    desk = _Desk(hall, tools, calls)
    return _Server(
        "proctor",
        version=version("proctor"),
        instructions=INSTRUCTIONS,
        get_tool_input_schema={tool.name: tool.input_schema for tool in tool_list(tools)}.get,
        on_list_tools=desk.list_tools,
        on_call_tool=desk.call_tool,
        on_list_resources=desk.list_resources,
        on_list_resource_templates=desk.list_templates,
        on_read_resource=desk.read_resource,
        on_list_prompts=desk.list_prompts,
        on_get_prompt=desk.get_prompt,
        on_completion=desk.complete,
    )


class _Server(Server[Any]):
    """Tells clients of the older revisions at the handshake that the list of tools may change."""

    def create_initialization_options(
        self, notification_options: NotificationOptions | None = None, *more: Any, **named: Any
    ) -> InitializationOptions:
        options = notification_options or NotificationOptions(tools_changed=True)
        return super().create_initialization_options(options, *more, **named)


class _Desk:
    """Request handlers; each turns one MCP request into one question to the hall."""

    def __init__(self, hall: Hall, tools: Sequence[Tool[Any]], calls: Calls | None) -> None:
        self._hall = hall
        self._calls = calls
        usual = tool_list([tool for tool in tools if not tool.calculator])
        every = tool_list(tools)
        self._offers = {
            False: (usual, offered_sha256(usual)),
            True: (every, offered_sha256(every)),
        }

    async def list_tools(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        caller = caller_of(ctx)
        offered, sha256 = self._offers[self._hall.calculates(caller)]
        self._hall.listed(caller, sha256, len(offered))
        return types.ListToolsResult(tools=offered)

    async def call_tool(
        self, ctx: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        caller = caller_of(ctx)
        progress = _Rising(ctx.session.report_progress)
        calculates = self._hall.calculates(caller)

        async def work() -> Reply:
            return await self._hall.call(caller, params.name, params.arguments or {}, progress)

        try:
            if self._calls is None:
                reply = await work()
            else:
                reply = await self._calls.run(work, progress, door_of(ctx).gone)
        except AgentFault as fault:
            return _said(str(fault), is_error=True)
        except Exception as error:  # noqa: BLE001 - the agent must learn nothing but its number
            return _said(_incident(f"tool {params.name}", error), is_error=True)
        if self._hall.calculates(caller) != calculates:
            # Practice on a task with calculators began or ended; dropped where it cannot be told.
            await ctx.session.send_tool_list_changed()
        return types.CallToolResult(content=[_block(part) for part in reply])

    async def list_resources(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=shelf.resources())

    async def list_templates(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=shelf.templates())

    async def read_resource(
        self, ctx: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        uri = str(params.uri)
        caller = caller_of(ctx)

        def read() -> shelf.Page | None:
            session = shelf.notebook_session(uri)
            if session is None:
                return shelf.page(uri)
            return shelf.Page(shelf.IPYNB, self._hall.notebook(caller, session or None))

        found = _protocol_answer(f"resource {uri[:200]}", {"uri": uri}, read)
        if found is None:
            known = ", ".join(str(resource.uri) for resource in shelf.resources())
            raise MCPError(
                types.INVALID_PARAMS, f"No resource {uri!r}. There are: {known}.", {"uri": uri}
            )
        return types.ReadResourceResult(
            contents=[
                types.TextResourceContents(uri=params.uri, mime_type=found.mime, text=found.text)
            ]
        )

    async def list_prompts(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=shelf.prompts())

    async def get_prompt(
        self, ctx: Context, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        graded = caller_of(ctx).token is not None
        text = _protocol_answer(
            f"prompt {params.name[:200]}",
            None,
            lambda: shelf.prompt(params.name, params.arguments or {}, graded=graded),
        )
        content = types.TextContent(type="text", text=text)
        return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=content)])

    async def complete(
        self, ctx: Context, params: types.CompleteRequestParams
    ) -> types.CompleteResult:
        prompt = params.ref.name if isinstance(params.ref, types.PromptReference) else None
        fits = shelf.completions(prompt, params.argument.name, params.argument.value)
        shown = fits[: shelf.COMPLETIONS]
        return types.CompleteResult(
            completion=types.Completion(
                values=shown, total=len(fits), has_more=len(fits) > len(shown)
            )
        )


def door_of(ctx: Context) -> Door:
    """The connection a request came through; HTTP requests each bring their own token."""
    request = ctx.request
    if isinstance(request, Request):
        return Door(request.scope.get(TOKEN_KEY), "http")
    state: object = ctx.lifespan_context
    return state if isinstance(state, Door) else Door()


def caller_of(ctx: Context) -> Caller:
    """Who asks."""
    door = door_of(ctx)
    asking = ctx.session.client_params
    name = asking.client_info.name if asking is not None else "unknown"
    return Caller(token=door.token, client=name, connection=door.connection)


class _Rising:
    """Progress that never goes back, as the protocol demands, and never fails a call."""

    def __init__(
        self, report: Callable[[float, float | None, str | None], Awaitable[None]]
    ) -> None:
        self._report = report
        self._last = -1.0

    async def __call__(self, done: float, total: float | None, message: str) -> None:
        if done <= self._last:
            return
        self._last = done
        try:
            await self._report(done, total, message)
        except Exception:  # a client that left cannot be told
            log.debug("progress not delivered", exc_info=True)


def _protocol_answer(what: str, data: JSON, ask: Callable[[], R]) -> R:
    try:
        return ask()
    except AgentFault as fault:
        raise MCPError(types.INVALID_PARAMS, str(fault), data) from fault
    except Exception as error:
        raise MCPError(types.INTERNAL_ERROR, _incident(what, error), data) from error


def _incident(what: str, error: Exception) -> str:
    number = secrets.token_hex(4)
    log.error("incident %s in %s", number, what, exc_info=error)
    return (
        f"Something failed inside Proctor, not in your request (incident {number}; the operator's "
        "log tells more). The notebook and its kernel are as they were; you may try again."
    )


def _block(part: Text | Picture) -> types.TextContent | types.ImageContent:
    if isinstance(part, Text):
        return types.TextContent(type="text", text=part.text)
    data = base64.b64encode(part.data).decode()
    return types.ImageContent(type="image", data=data, mime_type=part.mime)


def _said(text: str, *, is_error: bool) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)], is_error=is_error
    )
