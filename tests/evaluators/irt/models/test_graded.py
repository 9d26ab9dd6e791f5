"""Graded responses where items do not use every level."""

import numpy as np

from evaluators.irt import fit, simulate, table_of


def test_levels_that_an_item_never_showed_are_no_parameters():
    drawn = simulate("graded", 200, 10, seed=3)
    wide = drawn.table.cells.wide()
    levels = np.unique(wide)
    full = fit(drawn.table, "graded")
    fewer = wide.copy()
    fewer[fewer[:, 0] == levels[1], 0] = levels[0]
    again = fit(table_of(drawn.table.agents, drawn.table.items, fewer), "graded")
    assert again.n_parameters == full.n_parameters - 1
