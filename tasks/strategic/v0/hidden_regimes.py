"""Published form: in which regime is a hidden Markov chain after the last signal?"""

from typing import Literal

from tasks._core import Family, Public
from tasks.strategic.v0._form import About, PublishedParams, published, rows, three

Section = Literal["initial", "transition", "emission"]
SECTIONS: tuple[Section, ...] = ("initial", "transition", "emission")


class RegimesPublic(Public):
    """The chain at full precision; the prompt shows three decimals."""

    regime_names: tuple[str, ...]
    signal_names: tuple[str, ...]
    initial: tuple[float, ...]
    transition: tuple[tuple[float, ...], ...]
    """Shape (regimes, regimes): P(next | current), row = current."""
    emission: tuple[tuple[float, ...], ...]
    """Shape (regimes, signals)."""
    observations: tuple[int, ...]
    sections: tuple[Section, ...] = SECTIONS
    """Order in which the three tables are shown."""


def text(public: RegimesPublic) -> str:
    """The prompt."""
    names, signals = public.regime_names, public.signal_names
    sources = [f"from {name}" for name in names]
    tables = {
        "initial": "Probability of each regime at the first step:\n"
        + rows(names, [f"{p:.3f}" for p in public.initial]),
        "transition": "Probability of the next regime, given the present one:\n"
        + rows(sources, [three(names, row) for row in public.transition]),
        "emission": "Probability of a signal, given the regime:\n"
        + rows(names, [three(signals, row) for row in public.emission]),
    }
    seen = ", ".join(signals[o] for o in public.observations)
    return (
        "A system is in one of several regimes that nobody sees. Between steps it may change its "
        "regime, as a Markov chain does; at every step it emits a signal. How probable is each "
        "regime at the last step?\n\n"
        + "\n\n".join(tables[section] for section in public.sections)
        + f"\n\nSignals from the first step to the last: {seen}\n\n"
        "Give a JSON object with the key `regime_posterior`: a list with one probability per "
        f"regime, in the order {', '.join(names)}, that sums to 1."
    )


family: Family[PublishedParams, RegimesPublic] = published(
    "hidden_regimes",
    200,
    RegimesPublic,
    text,
    "v0_posterior",
    About(
        title="Hidden regimes (published form)",
        summary="Filtered belief over 2-3 regimes after 3-6 signals.",
        calculators=("bayes_calculator", "ev_calculator", "market_simulator"),
        relations=("order_permutation",),
    ),
)
