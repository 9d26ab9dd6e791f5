"""Outputs as nbformat 4.5 wants them, whatever a kernel sent.

Agent code can forge kernel messages, so an output is data of unknown shape until it has passed
`clean_output`: total, and its result always validates.
"""

import re
from collections.abc import Mapping

from tasks._core import JSON
from tasks._record._json import MAX_DEPTH, plain

JSON_MIME = re.compile(r"application/(.*\+)?json")
"""MIME types whose value in a bundle may be any JSON; all others hold text."""
_DEPTH = MAX_DEPTH - 16


def clean_output(raw: JSON) -> dict[str, JSON]:
    """The nearest valid nbformat v4 output; `transient.display_id` is kept for updates."""
    output: Mapping[str, JSON] = raw if isinstance(raw, dict) else {"data": raw}
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return {"output_type": "stream", "name": name, "text": join(output.get("text"))}
    if kind == "error":
        trace = output.get("traceback")
        return {
            "output_type": "error",
            "ename": join(output.get("ename")),
            "evalue": join(output.get("evalue")),
            "traceback": [join(line) for line in trace] if isinstance(trace, list) else [],
        }
    if kind in ("display_data", "execute_result"):
        return _display(kind, output)
    return _display("display_data", {"data": {"text/plain": raw}})


def clean_bundle(raw: JSON) -> dict[str, JSON]:
    """The nearest valid MIME bundle."""
    if not isinstance(raw, dict):
        return {"text/plain": join(raw)}
    return {
        join(mime): plain(value, _DEPTH) if JSON_MIME.fullmatch(mime) else join(value)
        for mime, value in raw.items()
    }


def clean_metadata(raw: JSON) -> dict[str, JSON]:
    """The nearest valid metadata object."""
    return plain(raw, _DEPTH) if isinstance(raw, dict) else {}


def join(value: JSON) -> str:
    """One text out of nbformat's multiline string, or of whatever stands in its place."""
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "".join(value)
    return str(plain(value, _DEPTH))


def count(value: JSON) -> int | None:
    """A valid execution count, or None."""
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
    return value if fits else None


def _display(kind: str, output: Mapping[str, JSON]) -> dict[str, JSON]:
    clean: dict[str, JSON] = {
        "output_type": kind,
        "data": clean_bundle(output.get("data")),
        "metadata": clean_metadata(output.get("metadata")),
    }
    if kind == "execute_result":
        clean["execution_count"] = count(output.get("execution_count"))
    transient = output.get("transient")
    name = transient.get("display_id") if isinstance(transient, dict) else None
    if isinstance(name, str):
        clean["transient"] = {"display_id": join(name)}
    return clean
