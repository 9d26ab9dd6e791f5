"""2PL whose items and agents are explained by what is known of them beside their responses.

    d_j = mu + x_j . w + u_j        log a_j = nu + x_j . v + t_j       (item features x)
    theta_i = l_llm(i) + c_scaffold(i) + e_i                           (parts of agents)

De Boeck and Wilson, Explanatory Item Response Models (2004). The working and reported parameters
are those of the 2PL; what differs is where their priors come from (`estimators/features.py`).
"""

from typing import ClassVar

from evaluators.irt.models.pl2 import PL2


class Explanatory(PL2):
    """The model; see the module."""

    name: ClassVar[str] = "explanatory"
    summary: ClassVar[str] = (
        "2PL with item features, LLM and scaffold as priors of difficulty, slope and ability."
    )
    estimators: ClassVar[tuple[str, ...]] = ("features",)


model = Explanatory()
