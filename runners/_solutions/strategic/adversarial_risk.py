"""Plays `strategic/adversarial_risk` as an honest agent would: the rulebook in notebook cells.

Each usage is convex in the size and a limit that is exceeded already only forbids a rise, so the
safe sizes are an interval, and halving it finds the largest one limit by limit.
"""

import json
from collections.abc import Mapping

from runners._solutions import Act, Execute, answer_in
from tasks import JSON

_LOAD = """\
import json
import numpy as np

with open("task/instance.json") as file:
    game = json.load(file)
with open("task/desk_notes.md") as file:
    notes = file.read()
mark = next(line for line in notes.splitlines()
            if "igh-water" in line or "highest" in line)
peak = float(mark.rpartition(":")[2])
names = [i["name"] for i in game["instruments"]]
group = [i["group"] for i in game["instruments"]]
groups = [g["name"] for g in game["groups"]]
inside = np.array([[g == h for h in groups] for g in group], float)
print(len(names), "instruments, high-water mark", peak)
"""

_RULES = """\
def usages(x):
    # Label and usage of every limit of the book for signed exposures x.
    found = []
    for k, g in enumerate(game["groups"]):
        mine = x[inside[:, k] > 0]
        longs, shorts = mine[mine > 0].sum(), -mine[mine < 0].sum()
        found.append(("gross " + g["name"], longs + shorts))
        net = max(longs, shorts) - g["netting"] * min(longs, shorts)
        found.append(("net " + g["name"], net))
    for s in game["stresses"]:
        loss = -sum(s["shocks"][n] * v for n, v in zip(names, x))
        found.append(("stress " + s["name"], loss))
    if game["single"] is not None:
        found += [("single name", abs(v)) for v in x]
    if game["joint"] is not None:
        joint = game["joint"]
        moved = np.array([joint["shocks"][n] for n in names]) * x
        l = moved @ inside
        corr = np.array([[joint["correlation"][g][h] for h in groups] for g in groups])
        found.append(("joint stress", float(np.sqrt(l @ corr @ l))))
    if game["margin"] is not None:
        rates = np.array([i["margin"] for i in game["instruments"]])
        found.append(("margin", float(rates @ abs(x))))
    if game["leverage"] is not None:
        found.append(("leverage", float(abs(x).sum())))
    return found


def limits(multiplier, equity):
    # The limits, in the order of `usages`.
    found = []
    for g in game["groups"]:
        found += [multiplier * g["gross"], multiplier * g["net"]]
    found += [multiplier * s["loss"] for s in game["stresses"]]
    if game["single"] is not None:
        found += [multiplier * game["single"]] * len(names)
    if game["joint"] is not None:
        found.append(multiplier * game["joint"]["loss"])
    for share in (game["margin"], game["leverage"]):
        if share is not None:
            found.append(share * equity if multiplier > 0 else 0.0)
    return found
"""

_DECIDE = """\
def largest(allowed, top):
    # Largest size up to `top` for which `allowed` holds; it holds on an interval from 0.
    if allowed(top):
        return top
    low, high = 0.0, top
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if allowed(middle) else (low, middle)
    return low


def decide(view):
    global peak
    request, feed = view["request"], view["limit_feed"]
    equity, wanted = feed["equity"], request["size"]
    peak = max(peak, equity)
    multiplier = [t["multiplier"] for t in game["tiers"] if peak - equity >= t["drawdown"]][-1]
    price = np.array([feed["prices"][n] for n in names])
    start = np.array([view["positions"][n] for n in names]) * price
    change = np.zeros(len(names))
    for leg in request["legs"]:
        sign = 1 if leg["side"] == "buy" else -1
        change[names.index(leg["instrument"])] += sign * leg["ratio"]
    before = usages(start)
    caps = [max(c, u) for c, (_, u) in zip(limits(multiplier, equity), before)]
    slack = 1e-9 * abs(start).sum()
    sizes = {}
    for row, (label, _) in enumerate(before):
        def fits(s):
            return usages(start + s * change * price)[row][1] <= caps[row] + slack
        sizes[label] = min(sizes.get(label, np.inf), largest(fits, wanted))
    if game["participation"] is not None:
        room = [game["participation"] * i["volume"] / abs(c)
                for i, c in zip(game["instruments"], change) if c]
        sizes["liquidity"] = min(room)
    label = min(sizes, key=sizes.get)
    size = min(sizes[label], wanted)
    action = {"decision": "reduce", "size": float(size), "binding_limit": label, "confidence": 1.0}
    if size >= wanted:
        action |= {"decision": "approve", "binding_limit": "none"}
    elif size <= 0.005 * wanted:
        action |= {"decision": "reject", "size": 0.0}
    if multiplier == 0 and size < wanted:
        action["binding_limit"] = "drawdown"
    return action
"""


async def solve(brief: Mapping[str, JSON], execute: Execute, act: Act) -> None:
    """Write the rules into the notebook, then consult, compute and decide turn by turn."""
    for cell in (_LOAD, _RULES, _DECIDE):
        await execute(cell)
    done = False
    while not done:
        seen = await act({"decision": "consult", "source": "limit_feed"})
        view = json.dumps(seen["view"])
        output = await execute(f"print(json.dumps(decide(json.loads({view!r}))))")
        done = bool((await act(answer_in(output)))["done"])
