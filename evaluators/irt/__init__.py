"""Item response theory over response tables: fit, score, diagnose, link, choose what to ask next.

Pure functions of plain values on NumPy and SciPy; nothing here loads torch. Sources stand at each
function; the shapes are J items, N agents, Q abilities of a grid.
"""
