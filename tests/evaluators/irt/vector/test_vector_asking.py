"""What cannot be fitted is said in words; what is asked on the command line arrives."""

from dataclasses import replace

import numpy as np
import pytest

from evaluators.irt._fitting import FitOptions, fit
from evaluators.irt._responses import Covariates, ResponseTable, table_of
from evaluators.irt._vector.dimensionality import dimensionality
from evaluators.irt._vector.options import VectorOptions, vector_options
from evaluators.irt._vector.scoring import score_vectors
from evaluators.irt._vector.simulation import simulate_groups, simulate_vector
from tasks import UsageError


@pytest.fixture(scope="module")
def table() -> ResponseTable:
    return simulate_vector(40, 12, 2, seed=1).table


def refused(table: ResponseTable, model: str, match: str, options: VectorOptions) -> None:
    with pytest.raises(UsageError, match=match):
        fit(table, model, options=FitOptions(vector=options))


def families(table: ResponseTable, labels: str) -> ResponseTable:
    names = tuple("" if label == "-" else label for label in labels)
    return replace(table, of_items=Covariates({"family": names}))


def test_more_abilities_than_the_data_can_tell_apart(table: ResponseTable):
    refused(table, "multidimensional", "1 to 8 abilities, not 9", VectorOptions(9))
    refused(table, "multidimensional", "1 to 8 abilities, not 0", VectorOptions(0))
    few = simulate_vector(40, 3, 2, seed=1).table
    refused(few, "multidimensional", "3 items and 40 agents cannot tell 3", VectorOptions(3))
    small = simulate_vector(4, 12, 2, seed=1).table
    refused(small, "multidimensional", "12 items and 4 agents cannot tell 4", VectorOptions(4))


def test_groups_are_missing_blank_single_or_all_one(table: ResponseTable):
    asked = VectorOptions()
    refused(table, "bifactor", "'family', which the table does not have. It has none", asked)
    known = families(table, "aaaabbbbcccc")
    refused(known, "bifactor", "Did you mean family", VectorOptions(groups="famly"))
    refused(families(table, "aaaabbbbccc-"), "bifactor", "1 of 12 items have no 'family'", asked)
    refused(families(table, "aaaabbbbcccd"), "bifactor", "have one item: 'd'", asked)
    refused(families(table, "aaaaaaaaaaaa"), "bifactor", "Fit `2pl` instead", asked)


def test_patterns_that_do_not_fit(table: ResponseTable):
    both = {name: ["x", "y"] for name in table.items}
    refused(table, "multidimensional", "'x' and 'y' can be turned", VectorOptions(pattern=both))
    oblique = {name: ["x"] if place < 6 else ["x", "y"] for place, name in enumerate(table.items)}
    fitted = fit(
        table, "multidimensional", options=FitOptions(vector=VectorOptions(pattern=oblique))
    )
    assert fitted.bank.layout.dimensions == ("x", "y")
    asked = VectorOptions(pattern=oblique, correlated=True)
    refused(table, "multidimensional", "can be turned into one another", asked)
    one = {name: ["x"] if place else ["y"] for place, name in enumerate(table.items)}
    refused(table, "multidimensional", "one item for the ability 'y'", VectorOptions(pattern=one))
    short = {name: ["x"] for name in table.items[:-2]}
    refused(table, "multidimensional", "no ability for 2 of 12", VectorOptions(pattern=short))
    strange = {**both, "item-99": ["x"]}
    refused(table, "multidimensional", "'item-99' that has no", VectorOptions(pattern=strange))


def test_scores_and_estimators_that_do_not_fit(table: ResponseTable):
    halves = table_of("abc", "wxyz", np.full((3, 4), 0.5) + 0.1 * np.eye(3, 4))
    with pytest.raises(UsageError, match="scores between are for `beta` or `graded`"):
        fit(halves, "multidimensional")
    with pytest.raises(UsageError, match="cannot be fitted by 'em'"):
        fit(table, "multidimensional", estimator="em")
    known = families(table, "aaaabbbbcccc")
    with pytest.raises(UsageError, match="cannot be fitted by 'over_items'"):
        fit(known, "bifactor", estimator="over_items")
    pattern = {name: ["xy"[place % 2]] for place, name in enumerate(table.items)}
    with pytest.raises(UsageError, match="over_items is for exploratory"):
        fit(
            table,
            "multidimensional",
            estimator="over_items",
            options=FitOptions(vector=VectorOptions(pattern=pattern)),
        )
    with pytest.raises(UsageError, match="one ability an agent"):
        score_vectors(fit(table, "2pl").bank, table)


def test_words_of_a_command_line():
    assert vector_options(3, "oblimin", "topic", testlet=True) == VectorOptions(
        3, "oblimin", groups="topic", testlet=True
    )
    with pytest.raises(UsageError, match="Did you mean varimax"):
        vector_options(2, "varimx")


def test_notes_tell_what_leans_on_the_prior():
    drawn = simulate_groups(60, 12, 2, seed=4).table
    labels = families(drawn, "aabbbbbbcccc")
    notes = fit(labels, "bifactor").notes
    assert any("group(s) of two items (a)" in note for note in notes)


def test_items_that_nobody_or_everybody_passes_stay_finite():
    drawn = simulate_vector(60, 20, 2, seed=4).table
    score = np.where(drawn.item == 3, 0.0, np.where(drawn.item == 4, 1.0, drawn.score))
    found = fit(replace(drawn, score=score), "multidimensional", options=FitOptions(tolerance=1e-3))
    assert np.all(np.isfinite(found.bank.x))
    assert found.bank.parameters["d"][3] < -2.0
    assert found.bank.parameters["d"][4] > 2.0
    assert len(found.bank.items) == 20


def test_agents_and_items_without_responses_are_left_out_and_counted():
    drawn = simulate_groups(60, 12, 2, seed=4).table
    gone = (drawn.agent != 5) & (drawn.item != 7)
    columns = {
        name: getattr(drawn, name)[gone] for name in ("agent", "item", "score", "trials", "trial")
    }
    found = fit(replace(drawn, **columns), "bifactor")
    assert found.abilities.theta.shape == (59, 3)
    assert found.bank.x.shape == (11, 4)
    assert {name for one in found.dropped for name in one.names} == {"agent-05", "item-07"}


@pytest.mark.parametrize("truth", [1, 3])
def test_held_out_cells_say_how_many_abilities_there_are(truth: int):
    drawn = simulate_vector(200, 60, truth, seed=1).table
    found = dimensionality(drawn, most=truth + 1)
    assert found.chosen == truth
    assert found.n_held_out == round(0.15 * 200 * 60)
    assert np.all(found.held_out < 0.0)
    assert found.held_out[truth - 1] == found.held_out.max()


def test_dimensionality_refuses_what_it_cannot_do(table: ResponseTable):
    for most, share in ((0, 0.1), (9, 0.1), (2, 0.0), (2, 0.9)):
        with pytest.raises(UsageError, match="a share of cells above 0"):
            dimensionality(table, most=most, share=share)
