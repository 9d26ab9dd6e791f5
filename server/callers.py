"""Who calls, and one call with its arguments checked."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

Progress = Callable[[float, float | None, str], Awaitable[None]]
"""`await progress(done, total, message)`: seconds so far (rises), seconds in all or None."""

A = TypeVar("A", bound=BaseModel)


@dataclass(frozen=True)
class Caller:
    """The other end of one connection. What it may do follows from the token alone."""

    token: str | None = None
    """Bearer token of a graded attempt; None: practice."""
    client: str = "unknown"
    """Name the client gave itself; names the practice run folder."""
    connection: str = ""
    """For logs."""


@dataclass(frozen=True)
class Call(Generic[A]):
    """One tool call."""

    caller: Caller
    arguments: A
    progress: Progress


async def silent(done: float, total: float | None, message: str) -> None:
    """Progress for callers that asked for none."""
