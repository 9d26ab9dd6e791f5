"""Find the one-head circuit of a small transformer among loud bystanders (the suite's circuit_4).

The model's head, rule, map and gauge are drawn per instance; see `ground_truth.organisms`.
"""

from pydantic import Field

from tasks._core import BriefText, Budget, Family, Params
from tasks.interp._circuits import CircuitPublic, EdgeAnswer, circuit_files, circuit_prompt


class OneHeadParams(Params):
    """Difficulty."""

    layers: int = Field(ge=1, le=8)
    heads: int = Field(ge=1, le=16)
    """Heads a layer."""
    neurons: int = Field(ge=0, le=256)
    """Neurons of each layer's MLP; 0: no MLPs."""
    vocab: int = Field(ge=6, le=64)
    length: int = Field(ge=4, le=64)
    """Sequence length."""
    gain_low: float = Field(gt=0)
    """Attention gain is uniform between these: the larger, the harder the attention, and the
    less gradients say about it."""
    gain_high: float = Field(gt=0)
    echo: float = Field(ge=0, le=1)
    """Probability that a bystander attends by the circuit's own rule."""
    weak: int = Field(ge=0)
    """Number of heads with an effect of 1 to 3 %; if any, one MLP and the token embedding too."""
    chains: bool
    """Bystanders read each other."""
    shift: bool
    """Bystanders shift all logits alike."""
    pairs: int = Field(default=64, ge=64)
    """Pairs that the agent gets; as many others fix the circuit."""


class OneHeadPublic(CircuitPublic):
    """The public half of a one_head instance."""


def _brief(public: OneHeadPublic) -> BriefText:
    opening = (
        "# A circuit in a small transformer\n\nThe model reads a sequence of made-up words and "
        f"answers with one word at index {public.answer_index}. What it computes is not told. "
        "Few of its parts do the work; many others are busy without consequence."
    )
    return BriefText(prompt=f"{opening}\n\n{circuit_prompt(public)}", files=circuit_files(public))


def _answer(public: OneHeadPublic) -> type[EdgeAnswer]:
    return EdgeAnswer


family = Family(
    version=2,
    title="One head",
    summary="Find the edges of a one-head circuit among inert and weak bystanders.",
    tags=frozenset({"circuits"}),
    params=OneHeadParams,
    public=OneHeadPublic,
    presets={
        "easy": OneHeadParams(
            layers=2, heads=3, neurons=16, vocab=12, length=8, gain_low=4.5, gain_high=6.0,
            echo=0.2, weak=0, chains=False, shift=False,
        ),
        "medium": OneHeadParams(
            layers=3, heads=4, neurons=24, vocab=15, length=10, gain_low=5.0, gain_high=8.0,
            echo=0.3, weak=0, chains=True, shift=False,
        ),
        "hard": OneHeadParams(
            layers=4, heads=6, neurons=32, vocab=18, length=14, gain_low=8.0, gain_high=12.0,
            echo=0.4, weak=2, chains=True, shift=True,
        ),
        "expert": OneHeadParams(
            layers=4, heads=8, neurons=48, vocab=20, length=18, gain_low=12.0, gain_high=20.0,
            echo=0.5, weak=4, chains=True, shift=True,
        ),
    },
    answer=_answer,
    brief=_brief,
    measure="edges",
    budget=Budget(wall_s=1800.0, tool_calls=150, cell_s=120.0),
)  # fmt: skip
