"""Why items are hard and agents able: features of items, LLM and scaffold of agents."""
