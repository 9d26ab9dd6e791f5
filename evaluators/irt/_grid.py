"""The grid of abilities: equally spaced nodes, as dense as the sharpest posterior asks.

Agents are few and items many here, so posteriors are narrow: a fixed grid of 21 nodes would miss
them. The trapezoid rule is exponentially accurate on analytic functions that vanish at both ends
(Trefethen and Weideman 2014, SIAM Review 56, 385-458): on a normal density of standard deviation
s, a step h errs by 2 exp(-2 pi^2 s^2 / h^2), which is 6e-9 at h = s. So nodes lie at whole
multiples of a step of at most the smallest posterior sd, and each agent needs only the dozen around
its own mode: work a cell is the same, whatever the grid. Blocks of agents of like ability (and like
sharpness, whose `stride` skips nodes that blunt posteriors do not need) share a window of it.
"""

from dataclasses import dataclass, replace

import numpy as np

from evaluators.irt._responses import Floats, Ints

CUT = 28.0
"""Log density below an agent's peak at which a window may end; what is cut off is below 1e-12."""
REACH = 8.0
"""Posterior sds from the mode at which a window is first drawn; exp(-8^2 / 2) is beyond CUT."""
COARSEST = 0.5
"""The widest step, in sds of the population."""
SHARPER = 0.75
"""A step may be at most 1 / SHARPER of a posterior sd (4e-5) before the grid is made anew."""


@dataclass(frozen=True)
class Window:
    """A block of agents and the nodes that it is integrated over: multiples of the grid's step."""

    low: int
    high: int
    """Past the last node."""
    stride: int
    """Every so many multiples is a node; a power of two that divides `low`."""

    @property
    def multiples(self) -> Ints:
        """(w,) of the step."""
        return np.arange(self.low, self.high, self.stride, dtype=np.int64)

    def wider(self, *, below: bool, above: bool) -> "Window":
        """Half as wide again at either end."""
        more = max((self.high - self.low) // (2 * self.stride), 4) * self.stride
        return replace(self, low=self.low - more * below, high=self.high + more * above)

    def tighter(self, first: int, last: int) -> "Window":
        """From two nodes before the `first`-th to two after the `last`-th."""
        return replace(
            self,
            low=self.low + (first - 2) * self.stride,
            high=self.low + (last + 3) * self.stride,
        )


@dataclass(frozen=True)
class Grid:
    """A step, the agents in blocks, and each block's window."""

    step: float
    order: Ints
    """(N,) agents, block after block."""
    ends: Ints
    """(B + 1,) where blocks begin in `order`, and N."""
    windows: tuple[Window, ...]

    def agents(self, block: int) -> Ints:
        """Places of a block's agents."""
        return self.order[self.ends[block] : self.ends[block + 1]]

    def nodes(self, multiples: Ints) -> Floats:
        """(Q,) abilities at multiples of the step."""
        return (self.step * multiples).astype(np.float64)

    def active(self) -> Ints:
        """(Q,) multiples of the step that any window holds, ascending."""
        return np.unique(np.concatenate([window.multiples for window in self.windows]))


def grid_around(
    mode: Floats, sd: Floats, step: float, *, block: int, slack: float = 0.0, density: float = 1.0
) -> Grid:
    """A grid of that step, its blocks of like agents and their windows.

    Args:
        mode: (N,) where each agent's posterior is.
        sd: (N,) its standard deviation, roughly.
        step: Between nodes, of the sharpest posteriors.
        block: Agents a block, at most.
        slack: How far modes may be off.
        density: How many times denser than that the nodes are to be.
    """
    stride = 2 ** np.floor(np.log2(np.maximum(sd / step, 1.0))).astype(np.int64)
    step /= density
    order = np.lexsort((mode, stride)).astype(np.int64)
    ends, windows = [0], list[Window]()
    for size in np.unique(stride):
        here = order[ends[-1] : ends[-1] + int((stride == size).sum())]
        for part in np.array_split(here, -(-len(here) // block)):
            reach = REACH * sd[part] + slack
            low = int(np.floor((mode[part] - reach).min() / (step * size)))
            high = int(np.ceil((mode[part] + reach).max() / (step * size)))
            windows.append(Window(low * int(size), (high + 1) * int(size), int(size)))
            ends.append(ends[-1] + len(part))
    return Grid(step, order, np.array(ends, dtype=np.int64), tuple(windows))
