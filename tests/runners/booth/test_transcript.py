"""What a CLI writes is kept, without keys, head and tail."""

import itertools
import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from runners._booth.redaction import known_secrets, redacted
from runners._booth.transcript import Transcript


def kept(folder: Path, chunks: list[bytes], head: int, tail: int) -> bytes:
    transcript = Transcript(folder / "t", [b"the-secret-key"], head=head, tail=tail)
    for chunk in chunks:
        transcript.feed(chunk)
    transcript.close()
    return (folder / "t").read_bytes()


@given(cuts=st.lists(st.integers(0, 60), max_size=5))
def test_a_key_is_taken_out_however_the_output_is_cut(cuts: list[int]):
    text = b'{"a": "the-secret-key"}\nno key\nthe-secret-key at the end'
    marks = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    chunks = [text[a:b] for a, b in itertools.pairwise(marks)]
    with tempfile.TemporaryDirectory() as folder:
        got = kept(Path(folder), chunks, 1000, 1000)
    assert got == b'{"a": "[redacted]"}\nno key\n[redacted] at the end\n'


def test_of_a_long_transcript_the_middle_is_left_out_and_that_is_said(tmp_path: Path):
    lines = [json.dumps({"n": n}).encode() + b"\n" for n in range(1000)]
    got = kept(tmp_path, [b"".join(lines)], 100, 100).splitlines()
    told = [json.loads(line) for line in got]
    gap = next(n for n, event in enumerate(told) if "left_out" in event)
    assert [event["n"] for event in told[:gap]] == list(range(gap))
    after = [event["n"] for event in told[gap + 1 :]]
    assert after == list(range(1000 - len(after), 1000))
    assert told[gap]["left_out"]["lines"] == 1000 - gap - len(after)
    assert sum(map(len, got)) < 400


def test_the_head_is_on_disk_before_the_end(tmp_path: Path):
    transcript = Transcript(tmp_path / "t", [], head=1000, tail=1000)
    transcript.feed(b"one\ntw")
    assert (tmp_path / "t").read_bytes() == b"one\n"
    transcript.close()
    assert (tmp_path / "t").read_bytes() == b"one\ntw\n"


def test_variables_named_like_keys_are_secrets_and_short_words_are_not():
    environ = {
        "OPENAI_API_KEY": "sk-0123456789",
        "GITHUB_TOKEN": "ghp-0123456789",
        "DB_PASSWORD": "short",
        "MONKEY": "a-monkey-not-a-key",
        "PATH": "/usr/bin:/bin",
    }
    secrets = known_secrets(environ, "", "the-token-0123")
    assert secrets == {b"sk-0123456789", b"ghp-0123456789", b"the-token-0123"}


def test_a_key_that_holds_another_is_taken_out_whole():
    assert redacted(b"<abcdefgh-long>", [b"abcdefgh", b"abcdefgh-long"]) == b"<[redacted]>"
