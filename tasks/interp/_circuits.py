"""What all circuit families share: the public half, its files, the answer, the common prompt."""

import json
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from tasks._core import Frozen, Public
from tasks.interp._components import Universe

MAX_EDGES = 20_000
"""Longest list of edges that an answer may hold."""


class ModelConfig(Frozen):
    """Shape of a decoder or encoder without norms, as transformer-lens names things."""

    n_layers: int
    n_heads: int
    d_model: int
    d_head: int
    d_mlp: int
    d_vocab: int
    n_ctx: int
    attention_dir: str
    """`causal` or `bidirectional`."""


class EdgeAnswer(BaseModel):
    """The circuit: a list of edges."""

    model_config = ConfigDict(extra="forbid")

    edges: list[str] = Field(
        max_length=MAX_EDGES,
        description="The circuit's edges, written `src->dst<q>`, `src->dst<k>`, `src->dst<v>` for "
        "heads and `src->dst` for MLPs and logits, e.g. `tok->a0.h1<v>`, `a0.h1->logits`. "
        "May be empty.",
    )


class CircuitPublic(Public):
    """The public half of a circuit instance."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    model: ModelConfig
    symbols: tuple[str, ...]
    """Surface form of each token id."""
    answer_index: int
    """Index in the sequence at which the model's answer is read."""
    threshold: float
    """An edge belongs to the circuit if its effect is at least this."""
    example: tuple[tuple[int, ...], int]
    """A clean sequence and its answer, for the prompt."""
    weights: bytes = Field(repr=False)
    """Safetensors under the names of `HookedTransformer`'s state dict."""
    data: bytes = Field(repr=False)
    """Safetensors: clean and counterfactual sequences."""

    @property
    def universe(self) -> Universe:
        """All candidate edges."""
        model = self.model
        return Universe(model.n_layers, model.n_heads, model.d_mlp > 0)


def circuit_files(public: CircuitPublic) -> Mapping[str, bytes]:
    """Workspace files: numbers as safetensors, the rest as JSON."""
    told = public.model_dump(mode="json", exclude={"weights", "data"})
    universe = public.universe
    told["universe"] = {"nodes": list(universe.nodes()), "edges": len(universe.edges())}
    return {
        "instance.json": json.dumps(told, indent=1).encode(),
        "model.json": json.dumps(told["model"], indent=1).encode(),
        "model.safetensors": public.weights,
        "data.safetensors": public.data,
    }


def circuit_prompt(public: CircuitPublic) -> str:
    """The parts of the prompt that do not depend on the family."""
    return "\n\n".join((_model(public), _data(public), _edges(public), _answer(public)))


def _model(public: CircuitPublic) -> str:
    model = public.model
    heads = f"{model.n_layers} layers x {model.n_heads} heads"
    mlps = f"one ReLU MLP a layer ({model.d_mlp} neurons)" if model.d_mlp else "no MLPs"
    return f"""## Model
A transformer without layer norms: {heads}, {mlps}, residual width {model.d_model}, head width \
{model.d_head}, {model.d_vocab} tokens, {model.n_ctx} positions, {model.attention_dir} attention, \
attention scores not divided by √d_head. No tokenizer and no BOS: inputs are token ids (their \
surface forms are `symbols` in `task/instance.json`).

`import kit; model = kit.load_model()` gives it as transformer_lens' `HookedTransformer` on the \
CPU, with `use_attn_result`, `use_split_qkv_input` and `use_hook_mlp_in` on, so that \
`blocks.L.hook_q_input`, `hook_k_input`, `hook_v_input` (per head), `blocks.L.attn.hook_result`, \
`blocks.L.hook_mlp_in`, `hook_embed` and `hook_pos_embed` are there. The raw files are \
`task/model.safetensors` (transformer_lens' state dict names) and `task/model.json`."""


def _data(public: CircuitPublic) -> str:
    sequence, answer = public.example
    shown = " ".join(public.symbols[token] for token in sequence)
    return f"""## Data
`data = kit.load_data()` (tensors; raw in `task/data.safetensors`):
- `clean_tokens` (B, T), at positions 0…T-1; `clean_answer` (B,): the right answer.
- `counterfactual_tokens`, `counterfactual_positions` (B, T): another sequence, with its tokens at \
other positions: in the counterfactual run, index i gets row `counterfactual_positions[b, i]` of \
the position table. `kit.at_positions(model, positions)` is the hook that does it: \
`with model.hooks(fwd_hooks=[kit.at_positions(model, positions)]): …`
- `counterfactual_answer` (B,): the right answer there; it differs from `clean_answer` in each row.

The answer is the token with the largest logit at index {public.answer_index}. On each clean \
sequence the model leads by at least 1 logit. An example: `{shown}` → `{public.symbols[answer]}`."""


def _edges(public: CircuitPublic) -> str:
    universe = public.universe
    model = public.model
    mlp_nodes = f", MLPs `m0`…`m{model.n_layers - 1}`" if model.d_mlp else ""
    mlp_edges = ", `src->m1`" if model.d_mlp else ""
    last_layer, last_head = model.n_layers - 1, model.n_heads - 1
    return f"""## Question
Which edges does the model's answer depend on?

Nodes: `tok` (token embedding), `pos` (position embedding), heads `a0.h0`…\
`a{last_layer}.h{last_head}` (layer.head){mlp_nodes}, `logits`. An edge says that `dst` reads what \
`src` wrote into the residual stream: for heads by slot, `src->a1.h2<q>`, `<k>` or `<v>`; else \
without one{mlp_edges}, `src->logits`. `src` is any node that is computed earlier (the MLP of a \
layer reads the heads of its own layer). That makes {len(universe.edges()):,} candidate edges; \
their granularity is the edge into one slot of one head, never a whole head.

Let m = logit(`clean_answer`) - logit(`counterfactual_answer`) at index {public.answer_index}. \
The effect of an edge is what m loses when `dst` gets, along this edge alone, what `src` writes in \
the counterfactual run, and all else follows from that:

effect = mean(m_clean - m_changed) / mean(m_clean - m_counterfactual).

**The circuit is the set of edges with |effect| ≥ {public.threshold}.** It was fixed on pairs of \
the same kind that you do not have; no effect lies between {public.threshold / 2:g} and \
{public.threshold * 1.5:g}. Edges that carry a mere constant into a head of the circuit (effect \
exactly 0, but zeroing them would matter) are not counted, for or against."""


def _answer(public: CircuitPublic) -> str:
    return """## Answer and grading
`{"edges": ["tok->a0.h1<v>", …]}`. Usual spellings are understood (`L0H1`, `0.1`, \
`blocks.0.hook_v_input[1]`, `embed`); duplicates count once; a name outside the universe counts as \
a wrong edge. With P your set and C the circuit, uncounted edges left out: score = IoU = |P∩C| / \
(|P| + |C| - |P∩C|), or 1 if both are empty; precision |P∩C| / |P| and recall |P∩C| / |C| are \
reported. **Passed: IoU ≥ 0.8.**"""
