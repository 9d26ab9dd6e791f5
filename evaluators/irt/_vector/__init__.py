"""Machinery of models with several abilities an agent: quadrature around each agent's posterior.

With hundreds of items an agent's posterior is narrow: nodes fixed in advance miss it, and their
number grows with the power of the dimensions. Here every agent has a few nodes of its own, laid
around its posterior mode in the metric of its curvature (adaptive Gauss-Hermite quadrature, Naylor
and Smith 1982; Schilling and Bock 2005). Cost is linear in observed cells.

Shapes: J items, N agents, D abilities, K nodes an agent, p = D + 1 working parameters (the slopes,
then the intercept); the p of a block counts only the slopes that its items may have.
"""
