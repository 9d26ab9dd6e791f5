"""The front door: `proctor <verb>`. The only file that sees every room; it loads them lazily.

Where rooms must meet, this file hands one the other's function: `run` and `demo` (runners) get the
operator's door (server) and the scorer (evaluators) as `Rooms`. It is also the Python face:
`from proctor import EvalConfig, run_eval`; importing it loads no torch and no protocol.
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    # An agent CLI waits for `connect`: the standard library's slower parts are not loaded for it.
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from pathlib import Path

    from evaluators import irt as irt
    from ground_truth._gymnasium import EpisodeEnv
    from runners import EvalConfig as EvalConfig
    from runners import Hall, Results
    from runners._adaptive import Examiner
    from server.launch import TierName
    from tasks import Brief, InstanceId
    from tasks._checks import Check

__all__ = ["EvalConfig", "episode_env", "irt", "main", "run_eval"]

HELP = """The exam hall for coding agents.

Agents sit exams in sealed notebook kernels, through MCP; graders in another process score the
saved notebooks against keys that no agent can read.

Examples: `proctor demo` · `proctor tasks list` ·
`proctor run strategic --agents solver,random --n 3` · `proctor table runs/*`
"""

EPILOG = """Exit codes: 0 done · 1 failed · 2 wrong usage, an unknown name, or no sandbox passed its
probe · 3 a record is missing, unreadable or was changed · 4 the daemon · 5 an evaluator failed ·
6 the budget was reached before the end: the same command with a higher one goes on ·
130 interrupted.

`--json` on any command that prints a result gives one JSON object on stdout, nothing else; what is
said to people is on stderr. PROCTOR_HOME names the state folder; PROCTOR_DEBUG=1 shows tracebacks.
"""


class Verb(NamedTuple):
    """One word of the command line: the module whose `app` has it, and its line of help."""

    module: str
    help: str


VERBS = {
    "demo": Verb("runners._cli", "Scripted agents sit two families, end to end; a score table."),
    "run": Verb("runners._cli", "Play a suite with some agents, save, score."),
    "validate-config": Verb("runners._config_cli", "What a YAML file would play; its problems."),
    "check-provider": Verb("runners._providers_cli", "Can a model be asked: library, key, a call."),
    "estimate": Verb("runners._providers_cli", "What a run may cost, before it starts."),
    "tasks": Verb("tasks._cli", "The task families: list, show a brief, check one."),
    "robustness": Verb("runners._robustness_cli", "Perturb tasks: run, summarise, list-variants."),
    "inspect": Verb("evaluators._inspect_cli", "A scored run's failures and calculator calls."),
    "score": Verb("evaluators._cli", "Score a run from its artefacts, in another process."),
    "table": Verb("evaluators.tables._cli", "One table of many runs."),
    "compare": Verb("evaluators.tables._cli", "Agents against a baseline, pair by pair."),
    "leaderboard": Verb("evaluators.tables._cli", "Agents ranked, with risk, cost and time."),
    "card": Verb("evaluators.tables._cli", "A model card per agent."),
    "report": Verb("evaluators.tables._cli", "One report that binds runs together."),
    "export": Verb("runners._export_cli", "Suites for other harnesses: Harbor tasks, their gate."),
    "irt": Verb("evaluators.irt._cli", "Ability, difficulty, sound items, fewer questions."),
    "stats": Verb("evaluators._stats_cli", "Power before a run; intervals and comparisons after."),
    "runs": Verb("evaluators._runs_cli", "Run folders: list, show, delete, archive, verify."),
    "replay": Verb("evaluators._runs_cli", "Watch an attempt again."),
    "serve": Verb("server._cli", "The daemon: start, stop, status, logs."),
    "connect": Verb("runners._connect_cli", "Add Proctor to an agent CLI for practice; the shim."),
    "scripted-model": Verb("runners.scripted_model._cli", "A model by script: try a CLI, no key."),
    "doctor": Verb("server._cli", "What works on this machine, and what to do about the rest."),
    "secret": Verb("server._cli", "The secret behind the private split."),
}


def main(arguments: "Sequence[str] | None" = None) -> None:
    """Run the command line; exits with the code that the epilog of `--help` documents."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["connect"] and "--stdio" in words and "--help" not in words:
        # Before anything heavy: an agent CLI waits for its first byte.
        from server.shim import main as relay

        raise SystemExit(relay())
    try:
        _command()(words, prog_name="proctor", obj=Rooms())
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception as error:  # noqa: BLE001 - the last stop: told, never swallowed
        raise SystemExit(_told(error)) from None


def _told(error: Exception) -> int:
    from tasks import ProctorError

    fault = next((e for e in _leaves(error) if isinstance(e, ProctorError)), None)
    if os.environ.get("PROCTOR_DEBUG") == "1" or fault is None:
        import traceback

        traceback.print_exception(error)
    if fault is None:
        return 1
    print(f"proctor: {fault}", file=sys.stderr)  # noqa: T201 - the command line's own voice
    return fault.exit_code


def _leaves(error: BaseException) -> "Iterator[BaseException]":
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _command() -> Any:
    import typer
    import typer.core
    import typer.main

    class Door(typer.core.TyperGroup):
        """Knows every verb by name and help; imports a verb's module when it is called."""

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            name, _, rest = super().resolve_command(ctx, args)
            return name, _load(str(name)), rest

    app = typer.Typer(cls=Door, no_args_is_help=True, rich_markup_mode="markdown")

    @app.callback(help=HELP, epilog=EPILOG)
    def door(  # pyright: ignore[reportUnusedFunction] - typer holds it
        version: bool = typer.Option(False, "--version", callback=_version, is_eager=True),
    ) -> None: ...

    command: Any = typer.main.get_command(app)
    for name, verb in VERBS.items():
        command.add_command(typer.core.TyperCommand(name=name, help=verb.help), name)
    return command


def _load(name: str) -> Any:
    import typer.main

    app = importlib.import_module(VERBS[name].module).app
    # A callback keeps typer from folding an app of one command into that command.
    group: Any = typer.main.get_group(app)
    return group.commands[name]


def _version(asked: bool) -> None:
    if asked:
        import typer

        typer.echo(f"proctor {version()}")
        raise typer.Exit


def version() -> str:
    """The installed version."""
    from importlib.metadata import version as installed

    return installed("proctor")


class Rooms:
    """What commands may ask of rooms that they cannot import; they get it as `ctx.obj`."""

    def start_daemon(self, runs: "Path", sandbox: "TierName") -> bool:
        """Make sure that a daemon serves the state folder; True if it was started now.

        Raises:
            SandboxError: no sandbox passed its probe.
            DaemonError: it did not start, or the one that runs has another sandbox.
        """
        from server.launch import DaemonOptions, start_daemon
        from server.state import StateFolder
        from tasks import home

        running = StateFolder(home()).info() is not None
        start_daemon(DaemonOptions(home=home(), runs=runs, sandbox=sandbox))
        return not running

    def secret(self) -> str:
        """The secret in force, as text for `start_node` on another machine of this user."""
        from server.vault import secret_store
        from tasks import home

        return secret_store(home()).hand_over()

    def start_node(self, runs: "Path", sandbox: "TierName", secret: str) -> None:
        """Start a daemon under a handed-over secret; it ends itself a minute after its last use."""
        from server.launch import DaemonOptions, start_daemon
        from server.vault import secret_store
        from tasks import home

        secret_store(home()).take_over(secret)
        start_daemon(DaemonOptions(home=home(), runs=runs, sandbox=sandbox, idle_exit_s=60.0))

    def stop_daemon(self) -> None:
        """Stop the daemon of the state folder."""
        import anyio

        from server.operator import Operator

        anyio.run(Operator().stop)

    def open_hall(self) -> "AbstractAsyncContextManager[Hall]":
        """Connect to the daemon's operator socket; what is opened there ends with the context."""
        from server.operator import RunnerOperator

        return RunnerOperator()

    def score(self, run: "Path") -> None:
        """Score a run in another process, into its `results/`.

        Raises:
            EvaluatorError: the scorer failed.
        """
        from evaluators import score_run

        score_run(run)

    def rows(self, runs: "Sequence[Path]") -> "list[Mapping[str, Any]]":
        """The score table of scored runs: one row a family, preset and agent, best first."""
        from evaluators.tables import rows

        return [row.model_dump() for row in rows(runs)]

    def robustness(self, run: "Path") -> "Mapping[str, Any]":
        """What robustness_summary.json holds of a scored run with variants.

        Raises:
            RecordError: the run was not scored, or holds no variants.
        """
        from evaluators._artefacts import read_robustness

        return read_robustness(run)

    def versions(self) -> "Mapping[str, str]":
        """Versions that stand in run.json."""
        return {"proctor": version(), "python": sys.version.split()[0]}

    def agent_clis(self) -> "list[dict[str, Any]]":
        """What `doctor` tells of agent CLIs, their booth and the extras."""
        from runners._machine import looked_at

        return [look._asdict() for look in looked_at(os.environ)]

    def brief(self, name: str, preset: str | None, seed: int) -> "Brief":
        """The brief of a public instance, as an agent gets it."""
        from server.vault import Vault
        from tasks import Split, home

        vault = Vault(home())
        return vault.safe().brief(vault.instance(name, preset, seed, Split.PUBLIC), graded=False)

    def exam_brief(self, instance: "InstanceId") -> "Brief":
        """The brief of an instance, as an agent that sits the exam gets it."""
        from server.vault import Vault
        from tasks import home

        return Vault(home()).safe().brief(instance, graded=True)

    def score_attempt(self, run: "Path", slug: str, n: int) -> "Mapping[str, Any]":
        """The score of one finished attempt, made in the score process; fields of `Score`."""
        with self.scorer() as score:
            return score(run, slug, n)

    def scorer(self) -> "AbstractContextManager[Callable[[Path, str, int], Mapping[str, Any]]]":
        """Scores finished attempts one by one, in one process; gives `score(run, slug, n)`."""
        from evaluators._scoring import scorer
        from tasks import home

        return scorer(home())

    def examiner(self, bank: "Path", rule: str) -> "Examiner":
        """What chooses the next instances of an adaptive run from a bank of calibrated items.

        Raises:
            UsageError: there is no such rule, or the bank cannot be asked from.
            RecordError: the folder holds no bank.
        """
        from evaluators.irt._examiner import BankExaminer

        return BankExaminer.of(bank, rule)

    def check(self, name: str) -> "Sequence[Check]":
        """The conformance checks of one family."""
        from evaluators._promises import check_family

        return check_family(name)


def run_eval(config: "EvalConfig", **options: Any) -> "Results":
    """Play and score one evaluation; the Python face of `proctor run`.

    Args:
        config: What is asked: suite, agents, seed, n, repeat, preset, split.
        options: Fields of `runners.Options`: runs, sandbox, concurrent, budget_usd, …

    Returns:
        One result an agent: run folder, summary, scores, `mean_score`, `pass_rate`; the same two
        on the whole where one agent played, `.of(agent)` where several did.
    """
    from runners import Options, evaluate

    return evaluate(config, Options(**options), Rooms())


def episode_env(name: str, preset: str | None = None) -> "EpisodeEnv":
    """An episode family as a Gymnasium environment, for practice on public instances.

    Raises:
        UsageError: unknown family or preset, or one that is no episode.
        ModuleNotFoundError: Gymnasium is missing; `pip install -e '.[gymnasium]'` brings it.
    """
    from ground_truth._gymnasium import EpisodeEnv

    return EpisodeEnv(name, preset)


def __getattr__(name: str) -> Any:
    if name == "EvalConfig":
        from runners import EvalConfig

        return EvalConfig
    if name == "irt":
        return importlib.import_module("evaluators.irt")
    if name == "inspect_tasks":  # Inspect's entry point: that it is asked for registers them
        from runners._inspect import registered

        return registered(Rooms(), __name__)
    raise AttributeError(f"module 'proctor' has no attribute {name!r}")


if __name__ == "__main__":
    main()
