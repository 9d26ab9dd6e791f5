"""Prediction of scores that were held out: splits, predictors (one file each), measures."""
