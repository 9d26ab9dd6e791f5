"""Solves `strategic/information_control` as an honest agent would: dynamic programming on a grid.

The belief that the second regime holds is put on a fine grid; values between its points are
interpolated. The table is computed once; every step updates the belief and looks the action up.
"""

import json
from collections.abc import Mapping

from runners._solutions import Act, Execute, answer_in
from tasks import JSON

_TABLE = """\
import json
import numpy as np

with open("task/instance.json") as file:
    game = json.load(file)
T, modes, sources = game["rounds"], game["modes"], game["sources"]
grid = np.linspace(0.0, 1.0, 2001)

def bayes(b, p0, p1):
    total = (1 - b) * p0 + b * p1
    return b * p1 / np.where(total > 0, total, 1.0), total

def moved(b, t):
    first, second = game["phases"][game["plan"][t]]["change"]
    return b * (1 - second) + (1 - b) * first

def operate(t, m, r, b, table):
    p0, p1 = modes[m]["success"]
    value = 0.0
    for q0, q1, pay in ((p0, p1, modes[m]["gain"]), (1 - p0, 1 - p1, -modes[m]["loss"])):
        after, chance = bayes(b, q0, q1)
        later = 0.0
        if t + 1 < T:
            later = np.interp(moved(after, t), grid, table[t + 1, m, r, min(game["per_round"], r)])
        value = value + chance * (pay + later)
    return value

def buy(t, m, r, w, j, b, table):
    value = -sources[j]["price"]
    for q0, q1 in zip(*sources[j]["rates"]):
        after, chance = bayes(b, q0, q1)
        value = value + chance * np.interp(after, grid, table[t, m, r - 1, w - 1])
    return value

table = {}
for t in reversed(range(T)):
    for r in range(game["reports"] + 1):
        run = [operate(t, m, r, grid, table) for m in range(len(modes))]
        for m in range(len(modes)):
            for w in range(min(game["per_round"], r) + 1):
                options = [v - game["switching"][m][k] for k, v in enumerate(run)]
                if w:
                    options += [buy(t, m, r, w, j, grid, table) for j in range(len(sources))]
                table[t, m, r, w] = np.max(options, axis=0)
print("optimal total", np.interp(game["prior"], grid, table[0, game["start"], game["reports"],
      min(game["per_round"], game["reports"])]))
belief = game["prior"]
"""

_STEP = """\
seen = json.loads({seen!r})
last, t = seen["last"], seen["round"] - 1
r, w = seen["reports_left"], seen["reports_left_this_round"]
if "bought" in last:
    source = next(s for s in sources if s["name"] == last["bought"])
    k = source["readings"].index(last["reading"])
    belief = float(bayes(belief, source["rates"][0][k], source["rates"][1][k])[0])
elif "operated" in last:
    mode = next(m for m in modes if m["name"] == last["operated"])
    good = last["outcome"] == game["outcomes"][0]
    p0, p1 = mode["success"]
    belief = float(moved(bayes(belief, p0 if good else 1 - p0, p1 if good else 1 - p1)[0], t - 1))
m = [one["name"] for one in modes].index(seen["mode"])
options = {{}}
for k, one in enumerate(modes):
    run = float(operate(t, k, r, belief, table))
    options["operate:" + one["name"]] = run - game["switching"][m][k]
if w:
    options.update({{"buy:" + one["name"]: float(buy(t, m, r, w, j, belief, table))
                    for j, one in enumerate(sources)}})
print(json.dumps({{"do": max(options, key=options.get), "probability": belief}}))
"""


async def solve(brief: Mapping[str, JSON], execute: Execute, act: Act) -> None:
    """Compute the table in one cell, then one cell and one action a step."""
    await execute(_TABLE)
    seen: Mapping[str, JSON] = brief["observation"]
    while not seen["done"]:
        view = json.dumps(seen["view"])
        action = answer_in(await execute(_STEP.format(seen=view)))
        seen = await act(action)
