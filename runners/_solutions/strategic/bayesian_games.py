"""Solves `strategic/bayesian_games` as an honest agent would: Bayes' rule in notebook cells."""

from collections.abc import Mapping

from runners._solutions import Execute, answer_in
from tasks import JSON

_LOAD = """\
import json
import numpy as np
from math import comb

with open("task/instance.json") as file:
    game = json.load(file)
rates = np.array(game["rates"])
witnesses = [np.array(w["confusion"]) for w in game["witnesses"]]
print(len(game["hypotheses"]), "hypotheses,", len(game["events"]), "events,",
      len(game["archives"]), "archives")
"""

_EVENTS = """\
# Reports on one event share its hidden signal, so sum over the signal once per event.
log = np.log(game["prior"])
for event in game["events"]:
    seen = np.ones(rates.shape[1])
    for r in event:
        seen *= witnesses[r["witness"]][:, r["report"]]
    log += np.log(rates @ seen)
weights = np.exp(log - log.max())
print("after the record:", (weights / weights.sum()).round(4))
"""

_ARCHIVES = """\
# A summary says in which bin a binomial count fell.
for a in game["archives"]:
    chance = rates @ witnesses[a["witness"]][:, a["report"]]
    n, counts = a["events"], range(a["low"], a["high"] + 1)
    log += np.log([sum(comb(n, c) * q**c * (1 - q) ** (n - c) for c in counts) for q in chance])
posterior = np.exp(log - log.max())
posterior /= posterior.sum()
print(json.dumps({"posterior": posterior.tolist()}))
"""


async def solve(brief: Mapping[str, JSON], execute: Execute) -> JSON:
    """Compute the posterior in three cells; the last one prints the answer."""
    await execute(_LOAD)
    await execute(_EVENTS)
    return answer_in(await execute(_ARCHIVES))
