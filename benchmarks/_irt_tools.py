"""One 2PL fit by one tool, in the interpreter that has it.

`python _irt_tools.py TOOL IN OUT CALLS`: IN holds `y` (agents x items, 0/1); OUT gets abilities,
slopes, difficulties, the seconds of each call and the peak memory. Only NumPy and the tool are
imported, in the timed process. Each tool runs as its documentation's first example does, with
standard errors where it has them.
"""

import importlib
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Estimates = tuple[Any, Any, Any]
"""Abilities, slopes, difficulties."""


def proctor(y: Any) -> Estimates:
    """Ours: marginal ML by EM, standard errors included."""
    irt = importlib.import_module("proctor").irt
    agents, items = y.shape
    table = irt.table_of(
        [f"a{k:05d}" for k in range(agents)], [f"i{k:05d}" for k in range(items)], y
    )
    found = irt.fit(table, "2pl")
    parameters = found.bank.parameters
    assert np.isfinite(found.bank.standard_errors["a"]).all()
    return found.abilities.theta, parameters["a"], parameters["b"]


def mirt(y: Any, points: int = 21) -> Estimates:
    """Python mirt (Rust core), its defaults: EM, 21 nodes, standard errors; EAP scores."""
    tool = importlib.import_module("mirt")
    found = tool.fit_mirt(y.astype(int), model="2PL", n_quadpts=points)
    scores = tool.fscores(found, y.astype(int), method="EAP")
    return (
        np.asarray(scores.theta).ravel(),
        np.asarray(found.model.parameters["discrimination"]).ravel(),
        np.asarray(found.model.parameters["difficulty"]).ravel(),
    )


def mirt_61(y: Any) -> Estimates:
    """The same with 61 nodes, which hundreds of items need."""
    return mirt(y, 61)


def theta_irt(y: Any) -> Estimates:
    """theta-irt (JAX): marginal ML by EM, 61 nodes, standard errors; EAP scores."""
    tool = importlib.import_module("theta")
    found = tool.fit(y.astype(float), "2PL")
    found.standard_errors(y.astype(float))
    return np.asarray(found.score(y.astype(float))[0]), np.asarray(found.a), np.asarray(found.b)


def girth(y: Any) -> Estimates:
    """girth: marginal ML; EAP scores; it has no standard errors but by bootstrap."""
    tool = importlib.import_module("girth")
    found = tool.twopl_mml(y.T.astype(int))
    a, b = found["Discrimination"], found["Difficulty"]
    return tool.ability_eap(y.T.astype(int), b, a), a, b


def torch_measure(y: Any) -> Estimates:
    """torch_measure: joint ML, its quickest; no standard errors."""
    torch = importlib.import_module("torch")
    models = importlib.import_module("torch_measure.models")
    torch.manual_seed(0)
    model = models.TwoPL(*y.shape)
    model.fit(torch.tensor(y, dtype=torch.float32), method="jml", verbose=False)
    several = (model.ability, model.discrimination, model.difficulty)
    theta, a, b = (one.detach().numpy() for one in several)
    return theta, a, b


def py_irt(y: Any) -> Estimates:
    """py-irt: variational inference (Pyro), 500 epochs; no standard errors."""
    torch = importlib.import_module("torch")
    torch.manual_seed(0)
    training = importlib.import_module("py_irt.training")
    config = importlib.import_module("py_irt.config").IrtConfig(
        model_type="2pl", epochs=500, log_every=500, seed=0
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "responses.jsonlines"
        lines = (
            {"subject_id": f"a{k}", "responses": {f"i{j}": int(v) for j, v in enumerate(row)}}
            for k, row in enumerate(y)
        )
        path.write_text("\n".join(map(json.dumps, lines)))
        trainer = training.IrtModelTrainer(config=config, data_path=path, verbose=False)
        trainer.train(device="cpu")
    best: Any = trainer.last_params
    agents = [int(best["subject_ids"][k][1:]) for k in range(y.shape[0])]
    items = [int(best["item_ids"][k][1:]) for k in range(y.shape[1])]
    theta, a, b = np.empty(y.shape[0]), np.empty(y.shape[1]), np.empty(y.shape[1])
    theta[agents], a[items], b[items] = best["ability"], best["disc"], best["diff"]
    return theta, a, b


TOOLS: dict[str, Callable[[Any], Estimates]] = {
    one.__name__: one for one in (proctor, mirt, mirt_61, theta_irt, girth, torch_measure, py_irt)
}


def main() -> None:
    """Fit as often as asked; the first call pays for imports and compilation."""
    tool, source, target, calls = sys.argv[1:]
    y = np.load(source)["y"]
    seconds: list[float] = []
    estimates: Any = None
    for _ in range(int(calls)):
        begun = time.perf_counter()
        estimates = TOOLS[tool](y)
        seconds.append(time.perf_counter() - begun)
    theta, a, b = estimates
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    np.savez(target, theta=theta, a=a, b=b, seconds=seconds, peak_mb=peak)


if __name__ == "__main__":
    main()
