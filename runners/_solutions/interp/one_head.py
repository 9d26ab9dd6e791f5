"""Solves interp/one_head by exact patching of every edge with transformer_lens hooks.

Components whose output may be any noise without moving the answer are set aside first; then each
edge into the others gets one forward pass, from its layer on, with all pairs in one batch.
"""

from collections.abc import Mapping

from runners._solutions import Execute, answer_in
from tasks import JSON

LOAD = """\
import json
import torch
import kit

torch.set_grad_enabled(False)
model, data, instance = kit.load_model(), kit.load_data(), kit.load_instance()
at, rows = instance["answer_index"], torch.arange(len(data["clean_tokens"]))
layers, heads = model.cfg.n_layers, model.cfg.n_heads
there = kit.at_positions(model, data["counterfactual_positions"])

def metric(logits):
    last = logits[:, at]
    return last[rows, data["clean_answer"]] - last[rows, data["counterfactual_answer"]]

clean_logits, clean = model.run_with_cache(data["clean_tokens"])
with model.hooks(fwd_hooks=[there]):
    other_logits, other = model.run_with_cache(data["counterfactual_tokens"])
m_clean, m_other = metric(clean_logits), metric(other_logits)
gap = (m_clean - m_other).mean()
answered = clean_logits[:, at].argmax(-1) == data["clean_answer"]
print(f"right on {answered.float().mean():.0%} of clean sequences")
print(f"m = {m_clean.mean():.2f} clean, {m_other.mean():.2f} counterfactual")
"""

CHANGES = """\
change = {name: other[hook] - clean[hook] for name, hook in
          (("tok", "hook_embed"), ("pos", "hook_pos_embed"))}
for L in range(layers):
    results = other[f"blocks.{L}.attn.hook_result"] - clean[f"blocks.{L}.attn.hook_result"]
    change |= {f"a{L}.h{h}": results[:, :, h] for h in range(heads)}
    if not model.cfg.attn_only:
        change[f"m{L}"] = other[f"blocks.{L}.hook_mlp_out"] - clean[f"blocks.{L}.hook_mlp_out"]
names = list(change)

def before(L, mlp):
    count = 2 + L * (heads + (not model.cfg.attn_only)) + (heads if mlp else 0)
    return names[:count]
"""

SIEVE = """\
model.set_use_attn_result(False)
torch.manual_seed(0)

def changed(L, hook, where, delta):
    # Layers below L are as in the clean run: start from its residual stream.
    def add(value, hook):
        value[where] += delta
        return value
    with model.hooks(fwd_hooks=[(hook, add)]):
        return metric(model(clean[f"blocks.{L}.hook_resid_pre"], start_at_layer=L))

def stirred(L, hook, where=...):
    usual = clean[hook][where]
    moved = changed(L, hook, where, 3 * usual.std() * torch.randn_like(usual)) - m_clean
    return (moved.abs().max() / gap.abs()).item()

stir = {}
for L in range(layers):
    for h in range(heads):
        stir[f"a{L}.h{h}"] = stirred(L, f"blocks.{L}.attn.hook_z", (..., h, slice(None)))
    if not model.cfg.attn_only:
        stir[f"m{L}"] = stirred(L, f"blocks.{L}.mlp.hook_post")
for name, size in stir.items():
    print(f"{name:8} {size:.5f}")
"""

PATCH = """\
def effect(L, hook, where, src):
    return ((m_clean - changed(L, hook, where, change[src])).mean() / gap).item()

effects = {}
for L in range(layers):
    for h in range(heads):
        if stir[f"a{L}.h{h}"] > 1e-3:
            for slot in "qkv":
                hook, where = f"blocks.{L}.hook_{slot}_input", (..., h, slice(None))
                for src in before(L, mlp=False):
                    effects[f"{src}->a{L}.h{h}<{slot}>"] = effect(L, hook, where, src)
    if stir.get(f"m{L}", 0) > 1e-3:
        for src in before(L, mlp=True):
            effects[f"{src}->m{L}"] = effect(L, f"blocks.{L}.hook_mlp_in", ..., src)
unembed = model.W_U.T
direction = unembed[data["clean_answer"]] - unembed[data["counterfactual_answer"]]
for src in names:
    moved = (change[src][:, at] * direction).sum(-1).mean()
    effects[f"{src}->logits"] = (-moved / gap).item()
print(len(effects), "edges measured of", instance["universe"]["edges"])
for edge, effect in sorted(effects.items(), key=lambda item: -abs(item[1]))[:12]:
    print(f"{edge:20} {effect:+.3f}")
"""

ANSWER = """\
found = [edge for edge, effect in effects.items() if abs(effect) >= instance["threshold"]]
print(json.dumps({"edges": found}))
"""


async def solve(brief: Mapping[str, JSON], execute: Execute) -> JSON:
    """Compute the circuit in the notebook; give the answer that its last cell printed."""
    for cell in (LOAD, CHANGES, SIEVE, PATCH):
        await execute(cell)
    return answer_in(await execute(ANSWER))
