"""Whether a trade keeps a book within its limits."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from server.calculators._core import Calculator
from tasks import JSON, Frozen


class Arguments(Frozen):
    """A book, a trade and the limits; a limit that is left out does not bind."""

    position: float
    proposed_trade: float = 0.0
    realized_pnl: float = 0.0
    max_abs_position: Annotated[float, Field(gt=0)] | None = None
    max_loss: Annotated[float, Field(ge=0)] | None = None
    min_inventory: float | None = None
    max_inventory: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.min_inventory, self.max_inventory
        if low is not None and high is not None and low > high:
            raise ValueError(f"min_inventory ({low}) exceeds max_inventory ({high})")
        return self


def compute(asked: Arguments) -> dict[str, JSON]:
    """`ok`, `resulting_position` and the names of the `violations`.

    A limit itself may be reached: position and bounds are violated beyond it, the loss limit by a
    loss above `max_loss`.
    """
    after = asked.position + asked.proposed_trade
    low, high = asked.min_inventory, asked.max_inventory
    broken = {
        "position_limit": asked.max_abs_position is not None
        and abs(after) > asked.max_abs_position,
        "loss_limit": asked.max_loss is not None and asked.realized_pnl < -asked.max_loss,
        "inventory_bounds": (low is not None and after < low)
        or (high is not None and after > high),
    }
    violations = [name for name, is_broken in broken.items() if is_broken]
    return {"ok": not violations, "resulting_position": after, "violations": violations}


calculator = Calculator(
    "Whether a book after a trade keeps its position, loss and inventory limits.",
    Arguments,
    compute,
)
