"""Published form: which of a few sources emitted the symbols? A posterior is asked for."""

from tasks._core import Family, Public
from tasks.strategic.v0._form import About, PublishedParams, published, rows, three


class SourcesPublic(Public):
    """Prior, likelihoods and symbols at full precision; the prompt shows three decimals."""

    hypothesis_names: tuple[str, ...]
    signal_names: tuple[str, ...]
    priors: tuple[float, ...]
    likelihood: tuple[tuple[float, ...], ...]
    """Shape (hypotheses, signals): P(signal | hypothesis)."""
    observations: tuple[int, ...]
    """Indices of signals, in the order of their emission."""


def text(public: SourcesPublic) -> str:
    """The prompt."""
    names, signals = public.hypothesis_names, public.signal_names
    priors = rows(names, [f"{p:.3f}" for p in public.priors])
    table = rows(names, [three(signals, row) for row in public.likelihood])
    seen = ", ".join(signals[o] for o in public.observations)
    return (
        "One of several sources, nobody saw which, has produced a series of symbols. How probable "
        "is each source, now that the symbols are known?\n\n"
        f"Probability of each source beforehand:\n{priors}\n\n"
        f"Probability with which each source emits a symbol, independently each time:\n{table}\n\n"
        f"Symbols in the order in which they came: {seen}\n\n"
        "Give a JSON object with the key `posterior`: a list with one probability per source, in "
        "the order above, that sums to 1."
    )


family: Family[PublishedParams, SourcesPublic] = published(
    "bayesian_games",
    0,
    SourcesPublic,
    text,
    "v0_posterior",
    About(
        title="Bayesian games (published form)",
        summary="Posterior over 2-4 sources after 1-5 symbols.",
        calculators=("bayes_calculator", "ev_calculator"),
        relations=("order_permutation",),
    ),
)
