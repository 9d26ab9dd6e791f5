"""Models behind the agents that have no CLI: which one was asked for, how it is reached, its price.

`choice`, `prices`, `reading` and `words` load no provider's library; the rest loads pydantic-ai
and belongs to the extra `models`. Only who plays pays for that.
"""
