"""Solves `strategic/hidden_regimes` as an honest agent would: forward-backward in cells."""

from collections.abc import Mapping

from runners._solutions import Execute, answer_in
from tasks import JSON

_WORLD = """\
import json
import numpy as np

with open("task/instance.json") as file:
    world = json.load(file)
T, k, m = world["steps"], len(world["regimes"]), len(world["symbols"])
leave = np.array(world["leave"])
ages = leave.shape[1]
own, pushed = np.zeros((k * ages, k * ages)), np.zeros((k * ages, k * ages))
for i in range(k):
    for a in range(ages):
        own[i * ages + a, i * ages + min(a + 1, ages - 1)] += 1 - leave[i, a]
        for j in range(k):
            own[i * ages + a, j * ages] += leave[i, a] * world["jump"][i][j]
            if world["push"]:
                pushed[i * ages + a, j * ages] = world["push"][i][j]
step = {t: pushed if t in world["pushes"] else own for t in range(1, T + world["horizon"])}
regime_of = np.repeat(np.arange(k), ages)
print(k, "regimes,", ages, "ages,", len(world["readings"]), "readings")
"""

_READINGS = """\
# A reading is about the regime `lag` steps before; losses, delays and what is pending tell too.
seen = np.ones((T + 1, k))
for r in world["readings"]:
    s = world["sensors"][r["sensor"]]
    about = r["step"] - s["lag"]
    lost = np.array(s["lost"]) if s["lost"] else np.zeros(k)
    if r["shown"] is None:
        seen[about] *= np.array(s["delay"])[:, T - r["step"] + 1:].sum(axis=1)
    elif r["shown"] == m:
        seen[about] *= lost
    else:
        slip = (r["step"] - 1) // s["dial"] if s["dial"] else 0
        seen[about] *= (1 - lost) * np.array(s["rates"])[:, (r["shown"] - slip) % m]
        if s["delay"]:
            seen[about] *= np.array(s["delay"])[:, r["after"]]
likely = seen[:, regime_of]
print("evidence at", int((seen != 1).any(axis=1).sum()), "steps")
"""

_FILTER = """\
# The state is (count in the open window, regime, age); one linear map a step.
marks = np.array(world["marks"])[regime_of] if world["windows"] else None
size = 1 + max([w["last"] - w["first"] + 1 for w in world["windows"]], default=0)

def reported(state, t):
    for w in world["windows"]:
        if w["first"] <= t <= w["last"]:
            counted = state * (1 - marks)
            counted[1:] += state[:-1] * marks
            state = counted
            if t == w["last"]:
                state = np.zeros_like(counted)
                state[0] = counted[w["low"]:w["high"] + 1].sum(axis=0)
    return state

def run(state, first, last):
    for t in range(first + 1, last + 1):
        state = reported((state @ step[t - 1]) * likely[t], t)
    return state

start = np.zeros((size, k * ages))
start[0, ::ages] = world["initial"]
start = reported(start * likely[1], 1)
end = run(start, 1, T).sum(axis=0)
end /= end.sum()
now = end.reshape(k, ages).sum(axis=1)
print("now:", now.round(4))
"""

_SMOOTH = """\
# The past regime: run up to it, keep one regime at a time, and run on to the end.
s = world["earlier"]
then = run(start, 1, s)
joint = [run(then * (regime_of == i), s, T).sum() for i in range(k)]
earlier = np.array(joint) / sum(joint)
print("earlier:", earlier.round(4))
"""

_AHEAD = """\
ahead, passage = end, []
for t in range(T, T + world["horizon"]):
    ahead = ahead @ step.get(t, own)
    hit = regime_of == world["target"]
    passage.append(ahead[hit].sum())
    ahead = np.where(hit, 0, ahead)
passage.append(ahead.sum())

def payoff(plan):
    total, state = -plan["fee"], end
    for t in range(T, T + world["horizon"]):
        state = state @ (pushed if plan["pushes"] and t == T else step.get(t, own))
        total += state @ np.array(plan["pay"])[regime_of]
        if plan["ends"] is not None:
            state = np.where(regime_of == plan["ends"], 0, state)
    return total

values = {plan["name"]: payoff(plan) for plan in world["plans"]}
best = max(values, key=values.get)
print(json.dumps({"now": now.tolist(), "earlier": earlier.tolist(),
                  "passage": [float(p) for p in passage], "action": best,
                  "value": float(values[best])}))
"""


async def solve(brief: Mapping[str, JSON], execute: Execute) -> JSON:
    """Filter, smooth and look ahead in five cells; the last one prints the answer."""
    for cell in (_WORLD, _READINGS, _FILTER, _SMOOTH):
        await execute(cell)
    return answer_in(await execute(_AHEAD))
