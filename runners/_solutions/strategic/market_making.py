"""Plays `strategic/market_making` as an honest agent would: filter and dynamic program in cells."""

from collections.abc import Mapping

from runners._solutions import Act, Execute, answer_in
from tasks import JSON

_LOAD = """\
import json
from functools import lru_cache
import numpy as np

with open("task/instance.json") as file:
    game = json.load(file)
names = [r["name"] for r in game["regimes"]]
informed = np.array([[r["informed_sellers"], r["informed_buyers"]] for r in game["regimes"]])
arrivals = [(s["sellers"], s["buyers"]) for s in game["sessions"]]
accept = [[np.array(game[side][kind]) for kind in ("uninformed", "informed")]
          for side in ("bid", "ask")]
wanted = [game["size_uninformed"], game["size_informed"]]
offsets, limit, halt = np.array(game["offsets"]), game["limit"], game["strikes"]
q = np.arange(-limit, limit + 1)
tape_words = ["none", "uninformed seller", "informed seller", "uninformed buyer", "informed buyer"]
print(len(names), "regimes,", len(arrivals), "sessions of", game["steps"], "steps")
"""

_FILTER = """\
def belief(last, counts):
    # The tape tells kinds; given the side, P(informed) depends on the regime.
    weight = np.array(game["initial"] if last is None else game["transition"][last])
    for side in (0, 1):
        weight = weight * (1 - informed[:, side]) ** counts[2 * side]
        weight = weight * informed[:, side] ** counts[2 * side + 1]
    return weight / weight.sum()

def customers(session, b):
    # Probability of each word of the tape in one step.
    out = [1 - sum(arrivals[session])]
    for side in (0, 1):
        share = float(b @ informed[:, side])
        out += [arrivals[session][side] * (1 - share), arrivals[session][side] * share]
    return out

def more(counts, word):
    return tuple(n + (i + 1 == word) for i, n in enumerate(counts))
"""

_PROGRAM = """\
def shifted(table, by):
    # table[h, q + by]; minus infinity beyond the limit.
    out = np.full(table.shape, -np.inf)
    if by > 0:
        out[:, :-by] = table[:, by:]
    else:
        out[:, -by:] = table[:, :by]
    return out

@lru_cache(maxsize=None)
def parts(session, step, last, counts):
    # Value without quotes, [h, q], and gain of every quote, [side][offset, size, h, q].
    b = belief(last, counts)
    chance = customers(session, b)
    hold = game["sessions"][session]["holding"] * q**2 + game["borrow"] * np.maximum(-q, 0)
    move = [0, 0, -game["move_down"], 0, game["move_up"]]
    then = [value(session, step + 1, last, more(counts, w)) + move[w] * q - hold for w in range(5)]
    base = sum(p * v for p, v in zip(chance, then))
    gains = []
    for side, sign in ((0, 1), (1, -1)):
        gain = np.zeros((len(offsets), len(wanted[0]), halt + 1, len(q)))
        for kind in (0, 1):
            word = 1 + 2 * side + kind
            after = then[word].copy()
            if kind:
                after[:-1] = then[word][1:]  # an informed fill counts against the loss rule
            for size in range(1, len(wanted[0]) + 1):
                gain_ = 0
                lots = 0
                for n, p in enumerate(wanted[kind], start=1):
                    gain_ = gain_ + p * (shifted(after, sign * min(n, size)) - then[word])
                    lots += p * min(n, size)
                money = lots * (offsets + game["rebate"])
                rate = chance[word] * accept[side][kind]
                gain[:, size - 1] += rate[:, None, None] * (gain_ + money[:, None, None])
        gain[:, :, halt] = -np.inf  # a halted desk does not quote
        gains.append(gain)
    return base, gains

tight = offsets[:, None] + offsets[None, :] <= game["width"]

@lru_cache(maxsize=None)
def value(session, step, last, counts):
    # Expected final cash less inventory times mid, [h, q].
    if step == game["steps"]:
        if session + 1 == len(arrivals):
            out = -game["liquidation"] * np.abs(q)
        else:
            b = belief(last, counts)
            out = sum(p * value(session + 1, 0, z, (0, 0, 0, 0))[0] for z, p in enumerate(b))
        return np.tile(out, (halt + 1, 1))
    base, gains = parts(session, step, last, counts)
    bid, ask = (g.max(axis=1) for g in gains)
    best = np.maximum(bid.max(axis=0), 0) + np.maximum(ask.max(axis=0), 0)
    for i, j in zip(*np.nonzero(tight)):
        best = np.maximum(best, bid[i] + ask[j] + game["stipend"])
    return base + best

print("value of the game", value(0, 0, None, (0, 0, 0, 0))[0, game["inventory"] + limit])
"""

_CHOICE = """\
def choose(view):
    session, step = view["session"] - 1, view["session_step"] - 1
    last = names.index(view["published"][-1]) if view["published"] else None
    counts = tuple(view["tape"].count(word) for word in tape_words[1:])
    _, gains = parts(session, step, last, counts)
    at = view["adverse_fills"], view["inventory"] + limit
    sizes = range(1, len(wanted[0]) + 1)
    bids, asks = (
        [(0.0, None, 1)] + [(g[i, s - 1][at], i, s) for i in range(len(offsets)) for s in sizes]
        for g in gains
    )
    def worth(bid, ask):
        both = bid[1] is not None and ask[1] is not None and tight[bid[1], ask[1]]
        return bid[0] + ask[0] + game["stipend"] * bool(both)
    pairs = ((b, a) for b in bids for a in asks if min(b[0], a[0]) > -np.inf)
    chosen = dict(zip(("bid", "ask"), max(pairs, key=lambda pair: worth(*pair))))
    b = belief(last, counts)
    chance = customers(session, b)
    action = {"regime_probabilities": b.tolist()}
    for side, name in enumerate(("bid", "ask")):
        _, i, size = chosen[name]
        action[name + "_offset"] = None if i is None else int(offsets[i])
        action[name + "_size"] = size
        action["fill_probability_" + name] = 0.0 if i is None else float(sum(
            chance[1 + 2 * side + kind] * accept[side][kind][i] for kind in (0, 1)))
    return action
"""


async def solve(brief: Mapping[str, JSON], execute: Execute, act: Act) -> None:
    """Solve the game in four cells, then look up one action a step."""
    for cell in (_LOAD, _FILTER, _PROGRAM, _CHOICE):
        await execute(cell)
    seen: Mapping[str, JSON] = brief["observation"]
    while not seen["done"]:
        # repr, not JSON: the cell is Python, and null is None there.
        view = repr(seen["view"])
        seen = await act(answer_in(await execute(f"print(json.dumps(choose({view})))")))
