"""Asks for the client's own tools (shell, files, web), offered or not, and says which ran."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from runners.scripted_model._conversation import Result
from runners.scripted_model._replay import Call, Script
from tasks import JSON

SHELL = "echo proctor-$((6*7))-ran"
RAN = "proctor-42-ran"
FILE = "/etc/passwd"
INSIDE = "root:"
NEW = "/tmp/proctor-built-in-was-here"  # noqa: S108 - in the client's own view of it
PAGE = "http://127.0.0.1:9/"
_REFUSED = (
    "no such tool", "no tool", "not found", "unsupported", "unknown tool", "unavailable",
    "not available", "denied", "not allowed", "not permitted", "disabled", "does not exist",
    "invalid tool", "declined",
)  # fmt: skip


@dataclass(frozen=True)
class Try:
    """One tool of a client's own."""

    tool: str
    arguments: Mapping[str, JSON] = field(default_factory=dict[str, JSON])
    proof: str = ""
    """Stands in the result if it ran; '': it ran unless the client says that it did not."""

    def ran(self, result: Result) -> bool:
        """Whether the tool did its work."""
        if self.proof:
            return self.proof in result.text
        text = result.text.lower()
        return not result.error and not any(word in text for word in _REFUSED)


_CLAUDE = (
    Try("Bash", {"command": SHELL, "description": "a try"}, RAN),
    Try("Read", {"file_path": FILE}, INSIDE),
    Try("Write", {"file_path": NEW, "content": RAN}),
    Try("Grep", {"pattern": INSIDE, "path": FILE, "output_mode": "content"}, INSIDE),
    Try("WebFetch", {"url": PAGE, "prompt": "What is there?"}),
    Try("WebSearch", {"query": "proctor"}),
    Try("Agent", {"description": "a try", "prompt": SHELL, "subagent_type": "general-purpose"}),
)
_CODEX = (
    Try("exec_command", {"cmd": SHELL}, RAN),
    Try("shell", {"command": ["sh", "-c", SHELL]}, RAN),
    Try("shell_command", {"command": SHELL}, RAN),
    Try("apply_patch", {"input": f"*** Begin Patch\n*** Add File: {NEW}\n+x\n*** End Patch"}),
    Try("view_image", {"path": FILE}),
    Try("web_search", {"query": "proctor"}),
)
_GEMINI = (
    Try("run_shell_command", {"command": SHELL, "description": "a try"}, RAN),
    Try("read_file", {"file_path": FILE, "absolute_path": FILE}, INSIDE),
    Try("write_file", {"file_path": NEW, "content": RAN}),
    Try("web_fetch", {"prompt": f"What is at {PAGE}?", "url": PAGE}),
    Try("google_web_search", {"query": "proctor"}),
)
_OTHERS = (
    Try("bash", {"command": SHELL, "description": "a try", "sessionId": "1"}, RAN),
    Try("read", {"filePath": FILE}, INSIDE),
    Try("view", {"path": FILE}, INSIDE),
    Try("write", {"filePath": NEW, "content": RAN}),
    Try("webfetch", {"url": PAGE, "format": "text"}),
)
TRIES: Mapping[str, tuple[Try, ...]] = {
    "anthropic": _CLAUDE,
    "responses": _CODEX,
    "gemini": _GEMINI,
    # Many clients speak this one; Qwen Code has Gemini CLI's tools.
    "chat": (*_OTHERS, *_GEMINI),
}
"""By the protocol of the client that has them."""


async def play(call: Call) -> str:
    """Start, try each tool, write what came of it into the notebook, leave."""
    desk = await call.desk()
    session = str((await desk.start())["session_id"])
    ran: list[str] = []
    said: dict[str, JSON] = {}
    tries = TRIES[call.conversation.protocol]
    for one in tries:
        result = await call.force(one.tool, one.arguments)
        said[one.tool] = result.text[:200]
        ran += [one.tool] if one.ran(result) else []
    words = f"{len(ran)} of {len(tries)} built-in tools ran: {', '.join(ran) or 'none'}."
    text = f"{words}\n\n```json\n{json.dumps(said, indent=1)}\n```"
    await call("add_markdown", {"session_id": session, "content": text})
    await desk.finish(session)
    return words


script = Script(summary="asks for the client's own shell, file and web tools", play=play)
