"""The tolerant reader of answers in text."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners._models.reading import MAX_TEXT, NoAnswerError, read_answer

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("  [1, 2]\n", [1, 2]),
        ("0.5", 0.5),
        ('"buy"', "buy"),
        ('I think so.\n\n{"a": 1}', {"a": 1}),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('First:\n```\n{"a": 0}\n```\nNo, rather:\n```json\n{"a": 1}\n```\nThat is it.', {"a": 1}),
        ('{"a": 0} … on reflection {"a": 1}', {"a": 1}),
        ('The set {x: x > 0} matters. {"a": {"b": "}"}}', {"a": {"b": "}"}}),
        ("{'a'", None),
        ('{"a": True, "b": None, "c": "True, ]",}', {"a": True, "b": None, "c": "True, ]"}),
        ('{"a": [1, 2, ], }', {"a": [1, 2]}),
        ('{"a": NaN}', None),
        ('{"a": 1e999}', None),
        ('{"a": Infinity} and then {"a": 2}', {"a": 2}),
        ("I decline to answer.", None),
        ("", None),
        ('{"a": 1', None),
    ],
)
def test_json_is_found_where_models_put_it(text: str, value: Any):
    if value is None:
        with pytest.raises(NoAnswerError):
            read_answer(text)
    else:
        assert read_answer(text) == value


def test_what_holds_the_wanted_keys_goes_first():
    text = '{"posterior": [0.5, 0.5]}\nCheck: {"sum": 1.0}'
    assert read_answer(text, ("posterior",)) == {"posterior": [0.5, 0.5]}
    assert read_answer(text) == {"sum": 1.0}
    assert read_answer('{"sum": 1.0}', ("posterior",)) == {"sum": 1.0}
    with pytest.raises(NoAnswerError):
        read_answer("0.5", ("posterior",))


@given(VALUES, st.text(alphabet="abc .,:\n"), st.text(alphabet="abc .,:\n"))
def test_an_object_between_words_comes_back_as_it_was(value: Any, before: str, after: str):
    answer = {"value": value}
    assert read_answer(f"{before}{json.dumps(answer)}{after}", ("value",)) == answer
    assert read_answer(f"{before}\n```json\n{json.dumps(answer)}\n```{after}", ("value",)) == answer


@given(st.text())
def test_any_text_is_read_or_refused(text: str):
    with contextlib.suppress(NoAnswerError):
        json.dumps(read_answer(text), allow_nan=False)


def test_a_hostile_text_is_read_in_bounded_time():
    for junk in ("{" * 300_000, "[" * 300_000, '{"a":' * 100_000, "```" * 100_000, '"' * 300_000):
        with pytest.raises(NoAnswerError):
            read_answer(junk)
    assert read_answer("x" * MAX_TEXT + '{"a": 1}') == {"a": 1}
