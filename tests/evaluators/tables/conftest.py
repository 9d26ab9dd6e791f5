"""Run folders of several models, written by hand: scores, summaries and what runners noted."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evaluators import Score
from evaluators._floors import Floor
from evaluators._summary import summary
from evaluators.tables._cli import app
from evaluators.tables._readings import Sat
from tasks import JSON, InstanceId, Stamp
from tasks._record import (
    PLAYED_FILE,
    AgentSetup,
    AgentUsage,
    Played,
    Run,
    RunFolder,
    Tokens,
    dump,
)

GAMES, AUCTIONS = "strategic/bayesian_games", "strategic/auctions"
SCALES: dict[tuple[str, str], Floor | str] = {
    (GAMES, "easy"): Floor(
        floor=0.5, ceiling=1.0, policy="prior", policies={}, error=0.01, seeds=128
    ),
    (AUCTIONS, "easy"): Floor(
        floor=0.2, ceiling=0.7, policy="half", policies={}, error=0.01, seeds=128
    ),
}


@dataclass
class Synth:
    """Writes runs; tests cannot import this file, so its functions are methods."""

    folder: Path
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def score(self, seed: int, ability: float | None, **facts: Any) -> Score:
        name, preset = facts.get("family", GAMES), facts.get("preset", "easy")
        tail = f"::{facts.pop('variant')}" if "variant" in facts else ""
        instance = f"{name}@1:{preset}:private:{seed}{tail}"
        n = facts.get("n", 1)
        return Score.model_validate(
            {
                "attempt": f"a{seed}",
                "instance": instance,
                "family": name,
                "preset": preset,
                "agent": "tester",
                "n": n,
                "stamp": Stamp.EXAM,
                "sandbox": "zygote",
                "status": "scored",
                "validity": 1.0,
                "ability": ability,
                "passed": bool(ability and ability > 0.9),
                "notebook": f"notebooks/{InstanceId.parse(instance).slug}__{n}.ipynb",
                "usage": {"wall_s": 2.0},
                **facts,
            },
            strict=False,
        )

    def sat(self, agent: str, seed: int, ability: float) -> Sat:
        """An attempt as tables read it, without a file."""
        return Sat(self.score(seed, ability, agent=agent), None, Path("run"))

    def setup(self, mode: str = "direct", **facts: Any) -> AgentSetup:
        blank: dict[str, JSON] = {
            "kind": "cli" if mode == "cli" else "api",
            "mode": mode,
            "provider": "openai",
            "model": "gpt-x",
            "settings": {"max_tokens": 512},
        }
        return AgentSetup.model_validate({**blank, **facts})

    def played(self, setup: AgentSetup | None = None, **facts: Any) -> Played:
        usage = AgentUsage(
            requests=1,
            tokens=Tokens(input=100, output=10),
            cost_usd=0.25,
            cost_basis="list",
        ).model_copy(update=facts.pop("usage", {}))
        whole = {"tools_listed": True, "wall_s": 3.0, "setup": setup, "usage": usage, **facts}
        return Played.model_validate(whole)

    def run(
        self,
        agent: str,
        scores: Sequence[Score],
        played: Played | Sequence[Played | None] | None = None,
        **facts: Any,
    ) -> Path:
        """A scored run; `played` stands beside every score, or one beside each."""
        number = next(self.numbers)
        folder = RunFolder(self.folder / f"{number:02d}_run")
        folder.path.mkdir(parents=True)
        described = Run(
            suite="strategic", agent=agent, created=f"2026-01-01T00:{number:02d}:00Z"
        ).model_copy(update={"versions": {"proctor": "1"}, "tools_sha256": "f" * 64, **facts})
        folder.write(described)
        notes = played if isinstance(played, Sequence) else [played] * len(scores)
        named = [one.model_copy(update={"agent": agent}) for one in scores]
        for score, note in zip(named, notes, strict=True):
            place = folder.attempt(InstanceId.parse(score.instance).slug, score.n)
            place.path.mkdir(parents=True)
            if note is not None:
                (place.path / PLAYED_FILE).write_bytes(dump(note.model_dump(mode="json")))
        scales = {k: v for k, v in SCALES.items() if k in {(s.family, s.preset) for s in named}}
        results = folder.path / "results"
        results.mkdir()
        found = summary(described, named, scales, [])
        (results / "summary.json").write_bytes(dump(found))
        (results / "scores.json").write_bytes(
            dump({"schema": 1, "scores": [one.model_dump(mode="json") for one in named]})
        )
        return folder.path

    def model(self, agent: str, abilities: Sequence[float], mode: str = "direct") -> Path:
        """A clean run of a model: one instance of `GAMES` an ability, seeds from 1."""
        scores = [self.score(seed, one) for seed, one in enumerate(abilities, 1)]
        return self.run(agent, scores, self.played(self.setup(mode)))

    def call(self, *words: str | Path) -> Any:
        """The command line."""
        return CliRunner().invoke(app, [*map(str, words)], env={"COLUMNS": "300"})


@pytest.fixture
def synth(tmp_path: Path) -> Synth:
    return Synth(tmp_path / "runs")


@pytest.fixture(scope="module")
def shared_synth(tmp_path_factory: pytest.TempPathFactory) -> Synth:
    """For tests that only read what they share."""
    return Synth(tmp_path_factory.mktemp("synth") / "runs")
