"""The published parser: what it finds, mends, renames, and what it says of the rest."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators._v0 import Response, parsed
from evaluators._v0.fields import ENVIRONMENTS
from evaluators._v0.response import (
    DEPTH_MAX,
    REFUSALS,
    _fenced,
    found_object,
    mended_text,
    with_numbers,
)
from tasks import UsageError

BELIEF = '{"posterior": [0.25, 0.75]}'


@pytest.mark.parametrize(
    "text",
    [
        BELIEF,
        f"  \n{BELIEF}\n",
        f"```json\n{BELIEF}\n```",
        f"```JSON {BELIEF}```",
        f"```\n{BELIEF}\n``` as asked",
        f"I think it is {BELIEF}, by Bayes' rule.",
        "First a try: ```python\nprint(1)\n``` then ```json\n" + BELIEF + "\n```",
        'Said she: "brace" {"posterior": [0.25, 0.75]} and {"posterior": [1, 0]}',
    ],
)
def test_an_object_is_found_in_text(text: str):
    assert parsed(text, "bayesian_games") == Response({"posterior": [0.25, 0.75]})


def test_braces_and_quotes_inside_strings_do_not_mislead():
    text = 'See {"posterior": [1, 0], "reasoning_summary": "a } and a \\" and { here"} so.'
    found = parsed(text, "bayesian_games").parsed
    assert found is not None
    assert found["reasoning_summary"] == 'a } and a " and { here'


@pytest.mark.parametrize(
    "text",
    [
        '{"posterior": [0.25, 0.75,]}',
        '{"posterior": [0.25, 0.75], }',
        '```json\n{"posterior": [0.25, 0.75],\n}\n```',
    ],
)
def test_trailing_commas_are_mended(text: str):
    found = parsed(text, "bayesian_games")
    assert found.parsed == {"posterior": [0.25, 0.75]}
    assert found.repaired
    assert found.errors == ()


def test_python_literals_are_mended_as_whole_words():
    text = '{"abstain": True, "bid_price": None, "reduce_inventory": False}'
    found = parsed(text, "market_making")
    assert found.parsed == {"abstain": True, "bid_price": None, "reduce_inventory": False}
    assert found.repaired
    assert found.action == "abstain"
    assert mended_text("Nonesuch Trueness, True") == "Nonesuch Trueness, true"


def test_what_needs_no_mending_is_not_touched():
    found = parsed('{"expected_surplus": 1, "reasoning_summary": "True, }"}', "auctions")
    assert found.parsed == {"expected_surplus": 1, "reasoning_summary": "True, }"}
    assert not found.repaired


@pytest.mark.parametrize(
    ("stated", "number"),
    [
        ("0.5", 0.5),
        (" 50% ", 0.5),
        ("50 %", 0.5),
        ("-3", -3.0),
        ("+.5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1E-2%", 1e-4),
    ],
)
def test_numbers_in_quotes_become_numbers(stated: str, number: float):
    assert parsed(json.dumps({"expected_surplus": stated}), "auctions").parsed == {
        "expected_surplus": pytest.approx(number)
    }


@pytest.mark.parametrize("stated", ["", "%", "1,5", "0x10", "1e", "about 3", "NaN", "1_000", "."])
def test_other_strings_stay(stated: str):
    found = parsed(json.dumps({"expected_surplus": stated}), "auctions")
    assert found.parsed == {"expected_surplus": stated}
    assert found.errors == ("invalid_field:expected_surplus",)


# The published pattern; ours must decide alike, but in linear time.
SLOW = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")


@given(st.text(alphabet="0123456789.eE+-% x", max_size=12))
def test_numbers_are_told_from_text_as_published(text: str):
    body = text.strip()
    percent = body.endswith("%")
    body = body[:-1].strip() if percent else body
    expected = float(body) / (100.0 if percent else 1.0) if SLOW.match(body) else text
    assert with_numbers({"a": [text]}) == {"a": [expected]}


@given(st.text(alphabet='` jsonJSON{}"\\a\n:1', max_size=30))
def test_fences_are_found_as_published(text: str):
    published = re.compile(r"```(?:json|JSON)?\s*(.*?)```", re.DOTALL)
    blocks = [match.strip() for match in published.findall(text.strip())]
    assert list(_fenced(text.strip())) == blocks


@pytest.mark.parametrize("alias", ["decision", "recommended_action", "recommendation", "choice"])
def test_a_decision_has_aliases_which_stay(alias: str):
    found = parsed(json.dumps({alias: "BUY"}), "prediction_markets")
    assert found.parsed == {alias: "BUY", "action": "buy"}
    assert found.repaired
    assert found.errors == ("missing_field:fair_probability", "missing_field:expected_value")


@pytest.mark.parametrize("alias", ["regime_posterior", "distribution", "probabilities", "beliefs"])
def test_a_belief_has_aliases(alias: str):
    found = parsed(json.dumps({alias: [1, 0]}), "bayesian_games")
    assert found.parsed == {alias: [1, 0], "posterior": [1, 0]}
    assert found.repaired
    there = parsed(json.dumps({"posterior": [1, 0]}), "hidden_regimes")
    assert there.parsed == {"posterior": [1, 0], "regime_posterior": [1, 0]}


@pytest.mark.parametrize(
    ("environment", "word", "action"),
    [
        *(("prediction_markets", w, "buy") for w in ("buy", "Long", "YES", "bid")),
        *(("prediction_markets", w, "sell") for w in ("sell", "short", "no", "ask")),
        *(
            ("prediction_markets", w, "abstain")
            for w in ("abstain", "hold", "pass", "No Trade", "none", "do-nothing", "wait")
        ),
        *(("adversarial_risk", w, "approve") for w in ("approve", "accept", "allow", "OK ")),
        *(("adversarial_risk", w, "reject") for w in ("reject", "deny", "decline", "block")),
        *(
            ("adversarial_risk", w, "reduce_size")
            for w in ("reduce_size", "Reduce", "resize", "reduce position", "downsize")
        ),
        *(("adversarial_risk", w, "abstain") for w in ("abstain", "hold", "escalate")),
        ("prediction_markets", "Do-It", "do_it"),
    ],
)
def test_actions_have_synonyms(environment: str, word: str, action: str):
    found = parsed(json.dumps({"action": word}), environment)
    assert found.action == action
    assert not found.repaired


@pytest.mark.parametrize(
    ("environment", "text", "errors"),
    [
        ("bayesian_games", "{}", ["missing_field:posterior"]),
        ("bayesian_games", '{"posterior": []}', ["invalid_field:posterior"]),
        ("bayesian_games", '{"posterior": [true, 0]}', ["invalid_field:posterior"]),
        ("bayesian_games", '{"posterior": "half"}', ["invalid_field:posterior"]),
        ("hidden_regimes", '{"regime_posterior": [null]}', ["invalid_field:regime_posterior"]),
        ("auctions", "{}", ["missing_field:expected_surplus"]),
        ("auctions", '{"expected_surplus": false}', ["invalid_field:expected_surplus"]),
        ("market_making", '{"bid_price": 1}', ["invalid_field:quote"]),
        ("market_making", '{"abstain": 1}', ["invalid_field:quote"]),
        ("market_making", '{"abstain": true}', []),
        ("prediction_markets", '{"action": "jump", "fair_probability": 0.5, "expected_value": 0}',
         ["invalid_field:action"]),
        ("prediction_markets", '{"action": ["buy"], "fair_probability": 1}',
         ["invalid_field:action", "missing_field:expected_value"]),
        ("adversarial_risk", "{}",
         ["missing_field:action", "missing_field:risk_policy_followed"]),
        ("adversarial_risk", '{"action": "ok", "risk_policy_followed": 1}',
         ["invalid_field:risk_policy_followed"]),
    ],
)  # fmt: skip
def test_what_is_missing_or_wrong_has_a_code(environment: str, text: str, errors: list[str]):
    found = parsed(text, environment)
    assert list(found.errors) == errors
    assert found.parsed is not None


@pytest.mark.parametrize(
    "text", ["", "   ", "fifty-fifty", "[0.5, 0.5]", "42", "{", "}{", "{'a': 1}"]
)
def test_without_an_object_the_parse_has_failed(text: str):
    assert parsed(text, "auctions") == Response(None, ("no_json_object",))


@pytest.mark.parametrize("phrase", REFUSALS)
def test_a_refusal_is_told_apart_and_an_answer_beside_it_still_counts(phrase: str):
    alone = parsed(f"Sorry, {phrase.upper()} do that.", "auctions")
    assert alone == Response(None, ("refusal_no_answer",), refusal=True)
    both = parsed(f'{phrase} be sure: {{"expected_surplus": 1}}', "auctions")
    assert both.parsed == {"expected_surplus": 1}
    assert both.refusal


def test_the_family_name_will_do_and_others_are_named():
    assert parsed("{}", "strategic/v0/auctions") == parsed("{}", "auctions")
    with pytest.raises(UsageError, match="Did you mean auctions"):
        parsed("{}", "auction")


MB = 1_000_000
HOSTILE = [
    "x" * MB,
    "{" * MB,
    "}" * MB,
    "[" * MB,
    '{"a":' * 50_000 + "1" + "}" * 50_000,
    "```" + " " * MB,
    "```json" + "\n" * MB + "{",
    "`" * MB,
    '{"expected_surplus": "' + "1" * MB + 'x"}',
    '{"expected_surplus": ' + "9" * MB + "}",
    '{"expected_surplus": "' + "9" * MB + '"}',
    '{"expected_surplus": 1' + "," * MB + "}",
    '{"expected_surplus": 1,' + " " * MB,
    '{"a": "' + "\\" * MB,
    '{"a": "' + '\\"' * (MB // 2),
    "True " * (MB // 5),
    "\u0661" * MB,
    "\ud800" * 1000,
    json.dumps({"posterior": [0.5] * (MB // 5)}),
    json.dumps({str(i): i for i in range(50_000)}),
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_megabyte_of_anything_is_read_in_linear_time(text: str):
    for environment in ("hidden_regimes", "prediction_markets"):
        assert isinstance(parsed(text, environment), Response)


def test_nesting_has_a_limit_wherever_the_parser_is_called():
    deep = f'{{"a": {"[" * DEPTH_MAX}{"]" * DEPTH_MAX}}}'
    shallow = f'{{"a": {"[" * (DEPTH_MAX - 2)}{"]" * (DEPTH_MAX - 2)}}}'
    assert found_object(deep) is None
    assert found_object(shallow) is not None


@settings(max_examples=200)
@given(st.text(max_size=200), st.sampled_from(ENVIRONMENTS))
def test_no_text_breaks_the_parser(text: str, environment: str):
    found = parsed(text, environment)
    assert (found.parsed is None) == (found.errors in {("no_json_object",), ("refusal_no_answer",)})


@given(
    st.dictionaries(
        st.text(max_size=8),
        st.recursive(
            st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers(-9, 9),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=5,
        ),
        max_size=4,
    )
)
def test_plain_json_is_read_as_json(value: dict[str, object]):
    assert found_object(json.dumps(value)) == value
