"""The score process: answers requests on stdin, one JSON line each, with one JSON line each.

Started by `evaluators._process` with `python -I`. Limits are set before anything is read: memory,
processor time, and a file size of zero, so that it can write no file at all. Replies go to a
private copy of stdout; whatever a library prints goes to stderr.
"""

import json
import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from tasks import JSON
from tasks._record import AttemptFolder, read_unverified


def main(memory_mb: int, cpu_s: int) -> None:
    """Serve until stdin ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_DATA, (memory_mb << 20, memory_mb << 20))
    with os.fdopen(os.dup(1), "wb", buffering=0) as replies:
        os.dup2(2, 1)
        _serve(sys.stdin.buffer, replies)


def _serve(requests: BinaryIO, replies: BinaryIO) -> None:
    for line in requests:
        try:
            reply: Mapping[str, JSON] = {"value": _handle(json.loads(line))}
        except MemoryError:
            reply = {"error": "it needed more memory than the score process has"}
        except Exception as error:  # noqa: BLE001 - told to the parent, who records it
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply, allow_nan=False).encode() + b"\n")


def _handle(request: Mapping[str, JSON]) -> JSON:
    if request["what"] == "marks":
        return _marks(AttemptFolder(Path(request["run"]), request["slug"], request["n"]))
    # Imported here: what a unit imports runs under the limits.
    from evaluators import _floors, _integrity, _responses, _score
    from ground_truth import SecretStore, record_key
    from tasks import InstanceId
    from tasks._record import load_notebook, peek, read_log

    what = request["what"]
    if what == "floor":
        return _floors.estimate(request["family"], request["preset"]).model_dump(mode="json")
    home = Path(request["home"])
    if what == "notebook":
        instance = InstanceId.parse(request["instance"])
        scored = _score.score_notebook(Path(request["path"]), instance, home)
        return scored.model_dump(mode="json")
    if what == "notebook_flags":
        return _integrity.flags_of_notebook(load_notebook(Path(request["path"])))
    folder = AttemptFolder(Path(request["run"]), request["slug"], request["n"])
    if what == "score":
        return _score.score_attempt(folder, home).model_dump(mode="json")
    if what == "response":
        return _responses.response(folder, home).model_dump(mode="json")
    assert what == "flags"
    claims = peek(folder.events)
    key = record_key(SecretStore(home).get(claims.secret_id), claims.attempt)
    late = _integrity.read_late(folder.late)
    return _integrity.flags(read_log(folder.events, key), late)


def _marks(folder: AttemptFolder) -> JSON:
    """What is to be marked in a replay: (sequence number of the event, sign), in order."""
    from evaluators._integrity import found_in, found_late, read_late

    events = read_unverified(folder.events)
    found = (*found_in(events), *found_late(events, read_late(folder.late)))
    return [[flag.seq, flag.text] for flag in found]
