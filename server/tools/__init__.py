"""The tools an agent is offered, in the order in which it reads them."""

from typing import Any

from server.tools import answers, calculators, notebooks, sessions, tasks
from server.tools._core import Tool as Tool

TOOLS: tuple[Tool[Any], ...] = (
    tasks.LIST_TASKS,
    tasks.START_TASK,
    tasks.TASK_INFO,
    notebooks.EXECUTE,
    notebooks.MARKDOWN,
    notebooks.EDIT,
    sessions.READ_NOTEBOOK,
    sessions.READ_OUTPUT,
    sessions.WAIT,
    sessions.INTERRUPT,
    sessions.RESTART,
    sessions.LIST,
    answers.ACT,
    answers.CHECK,
    answers.SUBMIT,
    answers.FINISH,
    notebooks.START_NEW,
    notebooks.RESUME,
    notebooks.CONTINUE,
    notebooks.SHUTDOWN,
)
CALCULATORS: tuple[Tool[Any], ...] = calculators.TOOLS
"""Listed only where the task allows any of them."""
EVERY: tuple[Tool[Any], ...] = TOOLS + CALCULATORS
"""All tools that may be called."""
