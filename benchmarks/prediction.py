"""Scores of held-out items on real agentic benchmarks, predictor by predictor.

    .venv/bin/python benchmarks/prediction.py --data RESPONSES      # a folder of response tables

Five folds over items, three fold seeds; every quantity is the mean of the folds'. `seen:rasch` is
shown the held-out scores: what a Rasch model could reach at best.
"""

import argparse
from pathlib import Path

from evaluators.irt import evaluate, read_responses
from evaluators.irt.prediction.splits import held_out_items

BENCHMARKS = ("swebench_verified", "terminal_bench_2", "swebench_pro", "gso")
PREDICTORS = ("constant", "agent_mean", "rasch_ridge", "explanatory", "seen:rasch")


def main() -> None:
    """Print one Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", help="benchmarks, by commas")
    options = parser.parse_args()
    print("| benchmark | predictor | AUC | within agents | log loss | Brier | ECE |")
    print("|---|---|---|---|---|---|---|")
    for name in options.only.split(",") if options.only else BENCHMARKS:
        table = read_responses(
            options.data / f"{name}.csv.gz", items=options.data / "item_judge_features.csv.gz"
        )
        for row in evaluate(table, PREDICTORS, lambda t, seed: held_out_items(t, 5, seed)):
            m = row.mean
            print(
                f"| {name} | {row.predictor} | {m.auc:.4f} | {m.auc_within_agents:.4f} | "
                f"{m.log_loss:.4f} | {m.brier:.4f} | {m.calibration_error:.4f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
