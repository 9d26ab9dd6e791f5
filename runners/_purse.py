"""A run's money: what has been spent, what running attempts may still spend, what is left."""

import anyio

LEAST_USD = 0.01
"""Below this no attempt of a paid agent is opened: it could only be cut short."""


class Purse:
    """Shares out a budget over sittings that are played side by side.

    What is spent, plus all that those under way may spend, never exceeds the budget.
    """

    def __init__(self, left: float, places: int, sittings: int) -> None:
        """Divide what is left.

        Args:
            left: dollars of the budget that nobody has spent.
            places: sittings at a time.
            sittings: paid sittings that are to be played.
        """
        self._left = left
        self._places = self._free = places
        self._sittings = sittings
        self._change = anyio.Condition()

    async def take(self) -> float | None:
        """Dollars for one sitting, an equal share of what is left; None if that is too little.

        Waits for money that those under way may give back.
        """
        async with self._change:
            while True:
                share = max(self._left / max(1, min(self._free, self._sittings)), LEAST_USD)
                if share <= self._left:
                    self._left -= share
                    self._free -= 1
                    self._sittings -= 1
                    return share
                if self._free == self._places:
                    return None
                await self._change.wait()

    async def give_back(self, share: float, spent: float) -> None:
        """A sitting has ended: it had `share` dollars and spent so many."""
        async with self._change:
            self._left += share - spent
            self._free += 1
            self._change.notify_all()
