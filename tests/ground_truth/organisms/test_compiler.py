import numpy as np
import pytest

from ground_truth.organisms._compiler import Head, Mlp, Organism, Term, compile_organism
from ground_truth.organisms._forward import patterns, project, run
from ground_truth.organisms._rules import RULES, Setting, draw_rule

V, T = 12, 8
SPACES = {"tok": V, "pos": T, "out": V}


def organism(head: Head, *, causal: bool = True, width: int = 16) -> Organism:
    return Organism(
        spaces=SPACES,
        head_width=width,
        neurons=0,
        tok={"tok": np.eye(V)},
        pos={"pos": np.eye(T)},
        unembed={"out": np.eye(V)},
        blocks=[[head]],
        causal=causal,
    )


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("causal", [True, False])
def test_a_compiled_head_attends_as_its_rule_says(name: str, causal: bool) -> None:
    rng = np.random.default_rng(5)
    at = T - 1 if causal else 3
    rule = draw_rule(name, Setting(V, T, at, causal, gain=7.0), rng)
    weights = compile_organism(organism(Head(rule.terms(), ()), causal=causal))
    tokens = rng.integers(V, size=(20, T))
    positions = rng.permuted(np.broadcast_to(np.arange(T), tokens.shape), axis=1)
    stream = run(weights, tokens, positions).before_heads[0]
    queries, keys, _ = project(weights, (0, 0), stream)
    seen = patterns(queries, keys, causal=causal)[:, at]
    assert np.abs(seen - rule.attention(tokens, positions, at, causal=causal)).max() < 1e-9


def test_what_is_not_read_or_written_is_exactly_zero() -> None:
    head = Head((Term("pos", "pos", 5 * np.eye(T, k=-1)),), (Term("tok", "out", np.eye(V)),))
    weights = compile_organism(organism(head))
    assert not weights.q[0, 0, :V].any()
    assert not weights.v[0, 0, V:].any()
    assert not weights.o[0, 0, :, : V + T].any()


def test_a_previous_token_head_copies_the_previous_token() -> None:
    head = Head((Term("pos", "pos", 40 * np.eye(T, k=-1)),), (Term("tok", "out", np.eye(V)),))
    weights = compile_organism(organism(head))
    tokens = np.random.default_rng(0).integers(V, size=(5, T))
    logits = run(weights, tokens).final @ weights.unembed
    assert np.array_equal(logits[:, 1:].argmax(-1), tokens[:, :-1])


def test_a_map_of_too_high_rank_is_refused() -> None:
    head = Head((Term("tok", "tok", np.eye(V)),), ())
    with pytest.raises(ValueError, match="rank 12"):
        compile_organism(organism(head, width=4))


def test_an_mlp_computes_what_its_maps_say() -> None:
    # Two thresholds at 1/2 make the copy of a one-hot feature.
    rises = Mlp({"tok": np.eye(V)}, np.full(V, -0.5), {"out": 2 * np.eye(V)})
    weights = compile_organism(
        Organism(
            spaces=SPACES,
            head_width=4,
            neurons=V,
            tok={"tok": np.eye(V)},
            pos={"pos": np.eye(T)},
            unembed={"out": np.eye(V)},
            blocks=[[None]],
            causal=True,
            mlps=[rises],
        )
    )
    tokens = np.random.default_rng(0).integers(V, size=(3, T))
    assert np.allclose(run(weights, tokens).final @ weights.unembed, np.eye(V)[tokens])
