"""Builds the task's model; the one place that knows transformer_lens."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._files import TASK

if TYPE_CHECKING:
    from torch import Tensor
    from transformer_lens import HookedTransformer


def load_model(folder: Path | str = TASK) -> HookedTransformer:
    """The task's model on the CPU, in evaluation mode, float32, no tokenizer.

    `use_attn_result`, `use_split_qkv_input` and `use_hook_mlp_in` are on: every component's output
    and every slot's input has its hook.
    """
    from safetensors.torch import load_file

    folder = Path(folder)
    with warnings.catch_warnings():
        # It says that 4.0 will drop the class; the hall pins 3.9, which has every hook.
        warnings.filterwarnings("ignore", "HookedTransformer is deprecated", DeprecationWarning)
        model = _build(json.loads((folder / "model.json").read_text()))
    missing, unexpected = model.load_state_dict(
        load_file(folder / "model.safetensors"), strict=False
    )
    # Only the attention's constant buffers may be absent from the file.
    absent = [name for name in missing if not name.endswith(("attn.mask", "attn.IGNORE"))]
    if absent or unexpected:
        raise ValueError(f"{folder}: model.safetensors does not fit: {absent}, {unexpected}")
    model.set_use_attn_result(True)
    model.set_use_split_qkv_input(True)
    if not model.cfg.attn_only:
        model.set_use_hook_mlp_in(True)
    model.eval()
    return model


def at_positions(model: HookedTransformer, positions: Tensor) -> tuple[str, Callable[..., Tensor]]:
    """A forward hook that puts index i of row b at position `positions[b, i]`.

    Use: `with model.hooks(fwd_hooks=[kit.at_positions(model, positions)]): model(tokens)`.
    """

    def replace(_value: Tensor, hook: Any = None) -> Tensor:
        return model.W_pos[positions]

    return "hook_pos_embed", replace


def _build(shape: dict[str, Any]) -> HookedTransformer:
    from transformer_lens import HookedTransformer, HookedTransformerConfig

    attn_only = shape["d_mlp"] == 0
    return HookedTransformer(
        HookedTransformerConfig(
            n_layers=shape["n_layers"],
            n_heads=shape["n_heads"],
            d_model=shape["d_model"],
            d_head=shape["d_head"],
            d_mlp=None if attn_only else shape["d_mlp"],
            d_vocab=shape["d_vocab"],
            n_ctx=shape["n_ctx"],
            attention_dir=shape["attention_dir"],
            attn_only=attn_only,
            act_fn="relu",
            normalization_type=None,
            use_attn_scale=False,
            init_weights=False,
            device="cpu",
            default_prepend_bos=False,
        )
    )
