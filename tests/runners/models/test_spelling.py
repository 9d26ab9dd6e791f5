"""How variants of agents are spelled, and what is said of those that are not."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners._spelling import (
    number,
    on_loopback,
    one_of,
    spelled,
    switch,
    url,
    variable,
    whole,
    word,
)
from tasks import UsageError

KNOWN: dict[str, Callable[[str], Any]] = {
    "turns": whole(),
    "usd": number(above=True),
    "cache": switch,
    "transport": one_of("stdio", "http"),
    "base_url": url,
    "key_env": variable,
    "script": word,
}


@pytest.mark.parametrize(
    ("text", "model", "options"),
    [
        ("", "", {}),
        ("claude-sonnet-4-5", "claude-sonnet-4-5", {}),
        ("+turns=3", "", {"turns": 3}),
        (
            "a/b-c.5:free+usd=0.5+cache=off+transport=http+turns=40",
            "a/b-c.5:free",
            {"usd": 0.5, "cache": False, "transport": "http", "turns": 40},
        ),
        (
            "m+base_url=http://127.0.0.1:8000/v1/+key_env=MY_KEY",
            "m",
            {"base_url": "http://127.0.0.1:8000/v1", "key_env": "MY_KEY"},
        ),
        ("m+script=a=b", "m", {"script": "a=b"}),
    ],
)
def test_a_spelling_is_read(text: str, model: str, options: dict[str, Any]):
    read = spelled(text, KNOWN)
    assert (read.model, dict(read.options)) == (model, options)
    assert list(read.options) == list(options)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("m+turn=3", r"no option \+turn\. Did you mean turns\? It may be \+turns=…, \+usd=…"),
        ("m+turns", r"\+turns has no value; write \+turns=…"),
        ("m+turns=1+turns=2", "given twice"),
        ("m+turns=0", r"\+turns must be a whole number of at least 1"),
        ("m+turns=x", r"\+turns must be a whole number of at least 1"),
        ("m+usd=0", r"\+usd must be a number above 0"),
        ("m+usd=nan", r"\+usd must be a number above 0"),
        ("m+usd=inf", r"\+usd must be a number above 0"),
        ("m+cache=maybe", "on or off"),
        ("m+transport=tcp", "one of stdio, http"),
        ("m+base_url=ftp://x", "address like http"),
        ("m+base_url=http://user:pass@host/v1", "without user, password or query"),
        ("m+script=", "something, not nothing"),
        ("m++turns=1", r"no option \+…"),
    ],
)
def test_a_wrong_spelling_says_what_is_allowed(text: str, says: str):
    with pytest.raises(UsageError, match=says):
        spelled(text, KNOWN)


@pytest.mark.parametrize(
    "text",
    [
        "m+key_env=sk-planted-7f3",
        "m+api_key=sk-planted-7f3",
        "m+sk-planted-7f3",
        "m+AIzaSyplanted",
        "m+usd=sk-planted-7f3",
        "m+base_url=https://u:sk-planted-7f3@host",
    ],
)
def test_a_key_written_by_mistake_is_not_repeated(text: str):
    with pytest.raises(UsageError) as caught:
        spelled(text, KNOWN)
    assert "planted" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.integers(1, 10**6), st.floats(1e-6, 1e6))
def test_numbers_come_back_as_written(turns: int, usd: float):
    read = spelled(f"m+turns={turns}+usd={usd!r}", KNOWN)
    assert read.options == {"turns": turns, "usd": usd}


def test_bounds_are_kept():
    for text in ("0", "11"):
        with pytest.raises(ValueError, match="from 1 to 10"):
            whole(1, 10)(text)
    assert number(0, 2)("2") == 2
    with pytest.raises(ValueError, match="at most 2"):
        number(0, 2)("2.1")


def test_loopback_is_told_from_the_rest():
    assert all(on_loopback(f"http://{host}:1/v1") for host in ("127.0.0.1", "localhost", "[::1]"))
    assert not any(on_loopback(f"http://{host}/v1") for host in ("127.0.0.1.evil.com", "host"))
