"""What a tool is. Its description is paid for by every agent in every request: keep it short."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from server.callers import Call
from server.floor import Floor
from server.replies import Reply
from tasks import JSON, AgentFault


class Arguments(BaseModel):
    """Base of all argument models: unknown names are refused, null means "not given"."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, given: Any) -> Any:
        # Some clients send every optional argument as null.
        if not isinstance(given, dict):
            return given
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()}
        return {k: v for k, v in given.items() if v is not None or k not in optional}


A = TypeVar("A", bound=Arguments)

SessionId = Annotated[str, Field(max_length=100)]


@dataclass(frozen=True)
class Tool(Generic[A]):
    """One tool an agent may call."""

    name: str
    description: str
    arguments: type[A]
    run: Callable[[Floor, Call[A]], Awaitable[Reply]]
    """Raises AgentFault for whatever the agent can mend."""
    read_only: bool = False
    free: bool = False
    """Not counted against the budget of tool calls: it must always be possible to end."""
    calculator: bool = False
    """Listed only to callers whose task allows calculators."""

    @property
    def input_schema(self) -> dict[str, JSON]:
        """JSON schema of the arguments without the titles that only cost tokens."""
        return untitled(self.arguments.model_json_schema())

    def parse(self, arguments: JSON) -> A:
        """Check raw arguments.

        Raises:
            AgentFault: names what is wrong and what the tool takes.
        """
        try:
            return self.arguments.model_validate(arguments)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(str(part) for part in item['loc']) or 'arguments'}: {item['msg']}"
                for item in error.errors()[:5]
            )
            names = ", ".join(
                name if field.is_required() else f"{name}?"
                for name, field in self.arguments.model_fields.items()
            )
            raise AgentFault(f"{self.name}({names}) was called wrongly: {problems}.") from None


def untitled(schema: Any) -> Any:
    """A schema without the titles that only cost tokens."""
    if isinstance(schema, list):
        return [untitled(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    dropped = {"title"} if isinstance(schema.get("title"), str) else set[str]()
    return {name: untitled(part) for name, part in schema.items() if name not in dropped}
