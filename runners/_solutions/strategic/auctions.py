"""Plays `strategic/auctions` as an honest agent would: backward induction in notebook cells."""

import json
from collections.abc import Mapping

from runners._solutions import Act, Execute, answer_in
from tasks import JSON

_LOAD = """\
import functools
import json
import numpy as np

with open("task/instance.json") as file:
    game = json.load(file)
tick = game["tick"]
in_ticks = lambda amount: round(amount / tick)
top, budget, fee = in_ticks(game["top"]), in_ticks(game["budget"]), in_ticks(game["fee"])
bids, purse = np.arange(top + 1), np.arange(budget + 1)
mood, house = game["mood"], game["house"]
buyers = house["buyers"] if house else ["-"]
# beats[b, m]: chance that bid b wins against a highest rival bid m.
beats = (bids[:, None] > bids) + game["tie"] * (bids[:, None] == bids)
print(len(game["lots"]), "lots,", budget, "ticks of budget,", top, "ticks at most")
"""

_TABLES = """\
@functools.cache
def highest(k, h, c):
    # P(highest rival bid | value): the product of the rivals' distribution functions.
    kind, below = game["classes"][k], 1.0
    for rival in game["rivals"]:
        habit = rival["habits"][k][{"steady": 0, "reactive": h, "house": c}[rival["role"]]]
        if kind["basis"] == "private":
            chance = np.zeros((1, top + 1))
            chance[0, 0] = habit["no_bid"]
            for band in habit["bands"]:
                low, high = in_ticks(band["low"]), in_ticks(band["high"])
                chance[0, low : high + 1] += band["chance"] / (high - low + 1)
        else:
            chance = np.zeros((len(kind["values"]), top + 1))
            for a, amount in enumerate(habit["by_appraisal"]):
                chance[:, in_ticks(amount)] += [row[a] for row in kind["readings"]]
        below = below * np.cumsum(chance, axis=1)
    return np.diff(below, axis=1, prepend=0.0)

def draws(k):
    # What I may see of a lot: (chance, P(value | it)).
    kind = game["classes"][k]
    prior = np.array(kind["chances"])
    if kind["basis"] == "private":
        return [(p, np.eye(len(prior))[i]) for i, p in enumerate(prior)]
    joint = prior[:, None] * np.array(kind["readings"])
    return [(column.sum(), column / column.sum()) for column in joint.T]

@functools.cache
def lot_odds(k, h, c):
    # For each draw: P(highest rival bid = m) and E[value; highest rival bid = m].
    value = np.array([in_ticks(v) for v in game["classes"][k]["values"]])
    rows = highest(k, h, c) * np.ones((len(value), 1))
    return [(given @ rows, (given * value) @ rows) for _, given in draws(k)]

def next_buyer(seen):
    # Bayes' rule for the type of the house, then the chance of each buyer.
    if not house:
        return np.ones(1)
    sends = np.array(house["sends"])
    weight = np.array(house["prior"]) * np.prod(sends ** np.array(seen), axis=1)
    return weight / weight.sum() @ sends
"""

_INDUCTION = """\
def later(values, spent):
    # The value after spending, by what is in the purse now (nothing where it does not reach).
    return np.where(purse >= spent, values[np.maximum(purse - spent, 0)], 0.0)

@functools.cache
def offers(t, h, seen):
    # Value of every bid, shape (draws, bids, purse), with optimal play after it.
    lot = game["lots"][t]
    k, reserve = lot["lot_class"], in_ticks(lot["reserve"])
    first = game["classes"][k]["format"] == "first-price"
    up = min(h + mood["rise"], len(mood["names"]) - 1) if mood else 0
    down = max(h - mood["fall"], 0) if mood else 0
    total = np.zeros((len(draws(k)), top + 1, budget + 1))
    for c, weight in enumerate(next_buyer(seen)):
        more = tuple(n + (i == c) for i, n in enumerate(seen)) if house else seen
        won, lost = value(t + 1, up, more), later(value(t + 1, down, more), fee)
        price = np.maximum(bids, reserve)
        after = np.array([later(won, fee + p) for p in price])
        for x, (odds, worth) in enumerate(lot_odds(k, h, c)):
            wins = beats * odds
            chance = wins.sum(axis=1)
            paid = chance * price if first else wins @ price
            future = chance[:, None] * after if first else wins @ after
            gain = beats @ worth - paid - fee
            total[x] += weight * (gain[:, None] + future + (1 - chance)[:, None] * lost)
    allowed = (bids[:, None] >= reserve) & (bids[:, None] + fee <= purse)
    total[:, ~allowed] = -np.inf
    total[:, 0] = value(t + 1, down, seen)
    return total

@functools.cache
def value(t, h, seen):
    # Expected surplus from lot t on, by what is in the purse.
    if t == len(game["lots"]):
        return np.zeros(budget + 1)
    best = offers(t, h, seen).max(axis=1)
    chances = [chance for chance, _ in draws(game["lots"][t]["lot_class"])]
    return np.array(chances) @ best

start = mood["start"] if mood else 0
print("optimum:", value(0, start, (0,) * len(buyers))[budget] * tick)
"""

_STEP = """\
def step(view):
    t = view["lot"] - 1
    lot = game["lots"][t]
    k = lot["lot_class"]
    kind = game["classes"][k]
    own = view["your_value"] if kind["basis"] == "private" else view["your_appraisal"]
    x = (kind["values"] if kind["basis"] == "private" else kind["appraisals"]).index(own)
    h = mood["names"].index(view["mood"]) if mood else 0
    seen = tuple(view["buyers_seen"][b] for b in buyers) if house else (0,)
    bid = int(np.argmax(offers(t, h, seen)[x, :, in_ticks(view["budget"])]))
    at = bid or in_ticks(lot["reserve"])
    win = worth = 0.0
    for c, weight in enumerate(next_buyer(seen)):
        odds, values = lot_odds(k, h, c)[x]
        win, worth = win + weight * beats[at] @ odds, worth + weight * beats[at] @ values
    belief = min(worth / win * tick, game["top"]) if win > 0 else 0.0
    return {"bid": bid * tick, "win_probability": min(win, 1.0), "expected_value": belief}
"""


async def solve(brief: Mapping[str, JSON], execute: Execute, act: Act) -> None:
    """Solve the sale once, then look up every bid in a cell of its own."""
    for cell in (_LOAD, _TABLES, _INDUCTION, _STEP):
        await execute(cell)
    seen = brief["observation"]
    while not seen["done"]:
        view = json.dumps(json.dumps(seen["view"]))
        cell = f"print(json.dumps(step(json.loads({view}))))"
        seen = await act(answer_in(await execute(cell)))
