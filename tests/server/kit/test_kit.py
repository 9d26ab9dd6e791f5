"""What notebooks import, against the numbers of our own forward pass; and the honest solution."""

import asyncio
import contextlib
import io
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import ground_truth
from evaluators.measures.edges import measure
from ground_truth import Drawn
from ground_truth.interp._circuits import opened
from ground_truth.keys import EdgeSetKey
from ground_truth.organisms._forward import run
from runners._solutions.interp.one_head import solve
from tasks import InstanceId, Split
from tasks.interp.one_head import OneHeadPublic, family

with warnings.catch_warnings():
    # Third-party import noise; the product loads these once, in the warm parent.
    warnings.simplefilter("ignore")
    import torch
    import transformer_lens  # noqa: F401  # pyright: ignore[reportUnusedImport]

    from server import kit

Instance = Drawn[OneHeadPublic, EdgeSetKey]


def unpack(preset: str, seed: int, folder: Path) -> Instance:
    name = InstanceId("interp/one_head", family.version, preset, Split.PRIVATE, seed)
    drawn = ground_truth.draw(name, b"k" * 32)
    for file, content in family.brief(drawn.public).files.items():
        (folder / file).write_bytes(content)
    return drawn


@pytest.mark.parametrize("preset", ["easy", "expert"])
def test_transformer_lens_computes_the_same_logits(preset: str, tmp_path: Path) -> None:
    weights, pairs = opened(unpack(preset, 1, tmp_path).public)
    model, data = kit.load_model(tmp_path), kit.load_data(tmp_path)
    positions = data["counterfactual_positions"]
    with torch.no_grad():
        clean = model(data["clean_tokens"])[:, pairs.at].numpy()
        with model.hooks(fwd_hooks=[kit.at_positions(model, positions)]):
            other = model(data["counterfactual_tokens"])[:, pairs.at].numpy()
    ours = run(weights, pairs.clean).logits(weights, pairs.at)
    theirs = run(weights, pairs.counterfactual, pairs.positions).logits(weights, pairs.at)
    assert np.abs(clean - ours).max() <= 1e-4
    assert np.abs(other - theirs).max() <= 1e-4


def test_every_hook_that_the_prompt_names_is_there(tmp_path: Path) -> None:
    drawn = unpack("easy", 1, tmp_path)
    model, data = kit.load_model(tmp_path), kit.load_data(tmp_path)
    _, cache = model.run_with_cache(data["clean_tokens"])
    shape = drawn.public.model
    wide = (len(data["clean_tokens"]), shape.n_ctx, shape.n_heads, shape.d_model)
    for slot in "qkv":
        assert cache[f"blocks.1.hook_{slot}_input"].shape == wide
    assert cache["blocks.1.attn.hook_result"].shape == wide
    for name in ("hook_embed", "hook_pos_embed", "blocks.1.hook_mlp_in"):
        assert cache[name].shape == (wide[0], wide[1], wide[3])


def test_a_model_file_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import load, save

    unpack("easy", 1, tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load(file.read_bytes())
    del tensors["embed.W_E"]
    file.write_bytes(save(tensors))
    with pytest.raises(ValueError, match="does not fit"):
        kit.load_model(tmp_path)


def test_the_instance_tells_the_universe(tmp_path: Path) -> None:
    drawn = unpack("easy", 1, tmp_path)
    told = kit.load_instance(tmp_path)
    assert told["universe"]["edges"] == len(drawn.public.universe.edges())
    assert told["universe"]["nodes"] == list(drawn.public.universe.nodes())
    assert told["answer_index"] == drawn.public.answer_index


@pytest.mark.parametrize("preset", ["easy", "medium"])
def test_the_honest_solution_finds_the_circuit(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "task").mkdir()
    drawn = unpack(preset, 2, tmp_path / "task")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "kit", kit)
    notebook: dict[str, object] = {}

    async def execute(code: str) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, notebook)
        return printed.getvalue()

    before = torch.is_grad_enabled()
    try:
        answer = asyncio.run(solve({}, execute))
    finally:
        torch.set_grad_enabled(before)
    assert measure.score(answer, drawn.key).ability == 1.0
