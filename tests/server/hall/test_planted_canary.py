"""Every key of the test families holds a canary: nothing that an agent can see may hold it."""

import json
from typing import TYPE_CHECKING

import pytest

from ground_truth import TRUTHS

if TYPE_CHECKING:
    from tests.server.hall.conftest import Place

pytestmark = pytest.mark.anyio

PAPER = "test/paper@1:small:private:7"
FIND = "test/find@1:small:private:7"
# In two parts, so that a search does not find itself.
FIRST, REST = "canary", "5d0c" * 6
LOOK = f"""
import os, pathlib
mark = b"-".join((b"{FIRST}", b"{REST}"))
places = (os.getcwd(), os.path.expanduser("~"), "/work", "/tmp", "/run", "/dev/shm")
files = [p for place in places for p in pathlib.Path(place).rglob("*") if p.is_file()]
seen = 0
found = [name for name, value in os.environ.items() if mark in value.encode()]
for path in [*files, *map(pathlib.Path, ("/proc/self/environ", "/proc/1/environ"))]:
    try:
        text = path.read_bytes()
    except OSError:
        continue
    seen += 1
    if mark in text:
        found.append(str(path))
print("looked at files:", seen > 0, "found:", found)
"""


async def test_no_reply_file_variable_or_error_holds_it(place: "Place") -> None:
    assert f"{FIRST}-{REST}" in TRUTHS.find("test/paper").key(number=1).model_dump_json()
    hand, player = await place.exam(PAPER), await place.exam(FIND)
    said = [await hand.start(), await hand("task_info"), await player.start()]
    wrong = ({"number": "x"}, {"number": 5000}, {"note": "?"}, None, [], "NaN", "x" * 9999)
    said += [await player.fault("act", action=one) for one in wrong]
    said += [await player("act", action={"number": 1})]
    said += [await hand("check_answer_format", answer={"number": "x"})]
    said += [await hand.fault("start_task", task="test/other", seed=9)]
    said += [await hand.fault("read_notebook", session_id="0" * 12)]
    looked = await hand.run(LOOK)
    assert "looked at files: True found: []" in json.dumps(looked)
    said += [looked, await hand("submit_answer", answer={"number": 1})]
    assert f"{FIRST}-{REST}" not in json.dumps(said)
    await player("finish")
    for name in ("paper", "find"):
        log, path = place.record(name)
        assert f"{FIRST}-{REST}" not in path.read_text()
        assert f"{FIRST}-{REST}" not in json.dumps(
            [e.data.model_dump(mode="json") for e in log.events]
        )
