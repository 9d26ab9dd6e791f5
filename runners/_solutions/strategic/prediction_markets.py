"""Solves `strategic/prediction_markets` as an honest agent would: backward induction in cells."""

import json
from collections.abc import Mapping

from runners._solutions import Act, Execute, answer_in
from tasks import JSON

_GAME = """\
import itertools, json
import numpy as np

with open("task/instance.json") as file:
    game = json.load(file)
T, lot, pay = len(game["schedule"]), game["lot"], game["payout"]
sources, flow, market = game["sources"], game["flow"], game["market"]
held = list(range(-game["short_limit"], game["long_limit"] + 1, lot))
sizes = sorted(range(-game["max_order"], game["max_order"] + 1, lot), key=abs)
noise = (1 - flow["informed"]) * (1 - flow["idle"]) / 2
idle = (1 - flow["informed"]) * flow["idle"]
MOVES = {-1: (noise, noise + flow["informed"]), 0: (idle, idle),
         1: (noise + flow["informed"], noise)}      # P(move | first), P(move | second)

def chance(due, said, outcome):
    # A copier repeats the report of its model in the same round, or reports by itself.
    heard, p = dict(zip(due, said)), 1.0
    for s, y in heard.items():
        source = sources[s]
        first = source["false_alarm"] if outcome else source["hit"]
        own = first if y == 0 else 1 - first
        if source["copies"] in heard:
            same = y == heard[source["copies"]]
            own = source["copying"] * same + (1 - source["copying"]) * own
        p *= own
    return p

def sayings(t):
    due = game["schedule"][t]
    return [(said, chance(due, said, 0), chance(due, said, 1))
            for said in itertools.product((0, 1), repeat=len(due))]
print(T, "rounds,", len(held), "positions,", market["kind"])
"""

_COSTS = """\
def price_of(x, a, M, t):
    # Money paid for a contracts at position x after net outside moves M; None if refused.
    if market["kind"] == "maker":
        b, N = market["liquidity"], market["net"] + x + flow["size"] * M
        paid = pay * b * (np.logaddexp(0, (N + a) / b) - np.logaddexp(0, N / b))
    else:
        R, left, paid = market["reference"][M + T - 1], abs(a), 0.0
        for level in market["asks" if a > 0 else "bids"]:
            price = R + level["offset"] if a > 0 else R - level["offset"]
            taken = min(left, level["size"])
            paid += np.sign(a) * taken * min(market["highest"], max(market["lowest"], price))
            left -= taken
        if left:
            return None
    return paid + game["fees"][t] * abs(a)

# Evidence: reports count by (sources due, what they said), whatever the order; moves by their sum.
def counted(node, due, said):
    heard = tuple(sorted(zip(due, said)))
    return tuple(sorted([*node, heard]))

layers, weight = [], {(): 0.0}
for t in range(T):
    new = {}
    for node, w in weight.items():
        for said, p, q in sayings(t):
            new.setdefault(counted(node, game["schedule"][t], said), w + np.log(p / q))
    layers.append(new)
    weight = new
step = np.log(MOVES[1][0] / MOVES[1][1])
odds = np.log(game["prior"] / (1 - game["prior"]))

def believe(t):
    w = np.array(list(layers[t].values()))[:, None] + step * np.arange(-t, t + 1)
    return 1 / (1 + np.exp(-odds - w))              # (nodes, moves)
print([len(layer) for layer in layers], "report counts per round")
"""

_INDUCTION = """\
# V[node, position, orders left, moves] at the agent's turn; W the same just after the order.
K, after, value = game["orders"], [None] * T, None
for t in reversed(range(T)):
    pi = believe(t)[:, None, None, :]
    if t == T - 1:
        x = np.array(held)[None, :, None, None]
        W = np.repeat(pay * x * pi - game["penalty"] * x**2, K + 1, axis=2)
    else:
        place = {node: i for i, node in enumerate(layers[t + 1])}
        given = []
        for o in (0, 1):
            drift = sum(p[o] * value[..., 1 + m : 2 * t + 2 + m] for m, p in MOVES.items())
            total = 0.0
            for said, *p in sayings(t + 1):
                to = [place[counted(n, game["schedule"][t + 1], said)] for n in layers[t]]
                total = total + p[o] * drift[to]
            given.append(total)
        W = pi * given[0] + (1 - pi) * given[1]
    after[t], value = W, W.copy()
    for i, x in enumerate(held):
        for a in sizes[1:]:
            if x + a in held:
                paid = [price_of(x, a, M, t) for M in range(-t, t + 1)]
                if None not in paid:
                    other = W[:, held.index(x + a), :-1] - np.array(paid, dtype=float)
                    value[:, i, 1:] = np.maximum(value[:, i, 1:], other)
print("solved")
"""

_PLAY = """\
seen = json.loads({view!r})
t, node = seen["round"] - 1, node if seen["round"] > 1 else ()
due = game["schedule"][t]
said = [game["outcomes"].index(seen["reports"][sources[s]["name"]]) for s in due]
node = counted(node, due, said)
n, M, x, k = list(layers[t]).index(node), seen["net_flow"] // flow["size"], seen["position"], \
seen["orders_left"]
worth = {{0: after[t][n, held.index(x), k, M + t]}}
for a in sizes[1:]:
    paid = price_of(x, a, M, t) if k and x + a in held else None
    if paid is not None:
        worth[a] = after[t][n, held.index(x + a), k - 1, M + t] - paid
print(json.dumps({{"trade": max(worth, key=worth.get), "probability": believe(t)[n, M + t]}}))
"""


async def solve(brief: Mapping[str, JSON], execute: Execute, act: Act) -> None:
    """Solve the game in three cells, then look up each round's order in one more."""
    for cell in (_GAME, _COSTS, _INDUCTION):
        await execute(cell)
    seen: Mapping[str, JSON] = brief["observation"]
    while not seen["done"]:
        cell = _PLAY.format(view=json.dumps(seen["view"]))
        seen = await act(answer_in(await execute(cell)))
