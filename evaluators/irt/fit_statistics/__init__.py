"""Whether items and agents answer as the model says, one file a statistic."""
