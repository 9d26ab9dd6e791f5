"""Statistics over scores: intervals, paired comparisons, power, repeats, calibration, regret.

On scipy and statsmodels, which are imported where they are used: they cost a second, and most
commands need neither. Everywhere the independent unit is a *cluster* (the instance or the seed);
repeats and tasks within it add precision, never independence. Resampling takes its generator's
seed as an argument, and the same arguments give the same numbers.
"""
