"""The words that every CLI is given. The brief itself comes from the server."""

import hashlib

_PROMPT = """Task: {family}

You sit one exam through the tools of the MCP server `{server}`. Call start_task with this task: it
returns the brief and a session_id. Do what the brief asks, by these tools alone, and hand in your
answer with submit_answer; where the brief says that the task is an episode, call act until it is
over instead. Nobody answers questions. You are done when the attempt is closed.
"""


def prompt(family: str, server: str) -> str:
    """The prompt of one attempt at a family, over a server of that name."""
    return _PROMPT.format(family=family, server=server)


def prompt_sha256() -> str:
    """Hash of the words, the family's and the server's names left open: one for all attempts."""
    return hashlib.sha256(_PROMPT.encode()).hexdigest()
