"""The shape of the house: layers, rails, sizes, names, and what is importable where."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import grimp
import networkx
import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ["tasks", "ground_truth", "evaluators", "server", "runners"]
SOURCES = sorted([*(p for room in ROOMS for p in (ROOT / room).rglob("*.py")), ROOT / "proctor.py"])
EVERY = sorted([*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_resolves_inside_this_repository(room: str):
    file = importlib.import_module(room).__file__
    assert file is not None
    assert Path(file).resolve().is_relative_to(ROOT)


def test_the_layers_hold():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_imports_itself_by_a_detour():
    graph: Any = grimp.build_graph(*ROOMS, cache_dir=None)
    arrows: Any = networkx.DiGraph()
    for module in graph.modules:
        arrows.add_edges_from(
            (module, to) for to in graph.find_modules_directly_imported_by(module)
        )
    knots = [sorted(knot) for knot in networkx.strongly_connected_components(arrows)]
    assert [knot for knot in knots if len(knot) > 1] == []


def test_the_server_without_its_vault_loads_no_ground_truth():
    modules = [
        name(p)[:-3].replace("/", ".").removesuffix(".__init__")
        for p in (ROOT / "server").rglob("*.py")
        if "kit" not in p.parts and p.name != "vault.py"
    ]
    assert modules
    # A finder imports by name, which import-linter cannot see.
    reached = _imported(["tasks"])
    assert not any(m.split(".")[0] in {"ground_truth", "evaluators"} for m in reached)
    for module in modules:
        source = (ROOT / Path(*module.split("."))).with_suffix(".py")
        source = source if source.exists() else source.with_suffix("") / "__init__.py"
        tree = ast.parse(source.read_text())
        names = {
            node.module if isinstance(node, ast.ImportFrom) else alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert not any((n or "").split(".")[0] in {"ground_truth", "evaluators"} for n in names), (
            module
        )


def test_importing_proctor_loads_no_torch_and_no_protocol():
    heavy = {"torch", "mcp", "transformer_lens", "jupyter_client", "pydantic"}
    assert not heavy & {m.split(".")[0] for m in _imported(["proctor"])}


def test_the_kit_imports_nothing_of_ours():
    for path in (ROOT / "server" / "kit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in {*ROOMS, "proctor"}, name(path)
            if isinstance(node, ast.Import):
                assert not {a.name.split(".")[0] for a in node.names} & {*ROOMS, "proctor"}, name(
                    path
                )


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_files_and_functions_stay_small(path: Path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400, f"{name(path)}: split it along a noun"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 60, f"{name(path)}:{node.name} has {length} lines"


def test_modules_are_nouns():
    banned = re.compile(r"^_?(utils?|helpers?|managers?|common|misc)\b|_utils?$|_helpers?$")
    assert [name(p) for p in EVERY if banned.search(p.stem)] == []


def test_no_module_state_is_rebound():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, ast.Global), name(path)


def test_no_test_folder_is_a_package():
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_tests_wait_for_conditions_and_never_just_sleep():
    """The one sleep allowed is the pause between two looks at a condition, in a loop."""
    for path in (ROOT / "tests").rglob("*.py"):
        tree = ast.parse(path.read_text())
        looping = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.While)
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                sleeps = node.func.attr in {"sleep", "sleep_until"}
                assert not sleeps or id(node) in looping, f"{name(path)}:{node.lineno}"


def test_nothing_names_a_registry_host_or_a_path_of_the_build_machine():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    hosts = re.compile(
        r"pypi\."
        r"org|pythonhosted\."
        r"org|registry\.npmjs|download\.pytorch|deb\.debian|/work"
        r"/main"
    )
    found = []
    for file in filter(None, listed.stdout.split("\0")):
        path = ROOT / file
        if path.is_file() and path.suffix not in {".png", ".safetensors"}:
            text = path.read_text(errors="replace")
            found += [file] if hosts.search(text) and path != Path(__file__) else []
    assert found == []


def test_ruff_is_clean():
    ruff = Path(sys.executable).parent / "ruff"
    for command in (["check", "."], ["format", "--check", "."]):
        done = subprocess.run(
            [ruff, *command], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.npm
@pytest.mark.timeout(600)
def test_types_are_strict_and_clean():
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", sys.executable],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "npm" in done.stderr and done.returncode not in {0, 1}:
        pytest.skip(f"pyright could not be fetched from npm: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


def _imported(modules: list[str]) -> set[str]:
    code = f"import sys\nimport {', '.join(modules)}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    return set(done.stdout.split())
