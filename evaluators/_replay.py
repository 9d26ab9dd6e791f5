"""An attempt again, step by step, from its log.

Everything shown comes from an agent, so it is stripped of terminal control sequences and never
rendered as markup.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

from tasks import JSON, Frozen
from tasks._record import (
    Act,
    ActRefused,
    AnswerAccepted,
    AnswerChecked,
    AnswerRejected,
    Calculation,
    CallRefused,
    CellAdded,
    CellEdited,
    CellFinished,
    CellOutput,
    Closed,
    Event,
    Finished,
    KernelChange,
    Opened,
    dump,
)

_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Step:
    """What happened at one moment, ready to be shown."""

    seq: int
    """First event of the step."""
    at_s: float
    """Seconds since the attempt began."""
    title: str
    content: RenderableType
    last: int
    """Its last event."""

    def marked(self, marks: Mapping[int, Sequence[str]]) -> list[str]:
        """The signs of cheating that its events bear, each once; `marks` are by event."""
        own = (sign for seq in range(self.seq, self.last + 1) for sign in marks.get(seq, ()))
        return list(dict.fromkeys(own))


def steps(events: Sequence[Event], lines: int | None = 40) -> Iterator[Step]:
    """The steps of an attempt; texts are cut to `lines` lines (None: not at all)."""
    if not events:
        return
    began = datetime.fromisoformat(events[0].t)
    outputs: list[tuple[Event, CellOutput]] = []
    for event in events:
        if isinstance(event.data, CellOutput):
            outputs.append((event, event.data))
            continue
        if outputs:
            yield _output_step(outputs, began, lines)
            outputs = []
        shown = _shown(event, lines)
        if shown is not None:
            yield _step(event, began, *shown)
    if outputs:
        yield _output_step(outputs, began, lines)


def clean(text: str) -> str:
    """Text without anything a terminal would obey."""
    return _CONTROLS.sub("", _SEQUENCES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def cut(text: str, lines: int | None) -> str:
    """The first and last lines, with a word on what lies between."""
    rows = text.split("\n")
    if lines is None or len(rows) <= lines:
        return text
    head, tail = rows[: lines * 3 // 4], rows[-(lines // 4) :]
    return "\n".join([*head, f"… {len(rows) - len(head) - len(tail):,} lines …", *tail])


def _step(event: Event, began: datetime, title: str, content: RenderableType) -> Step:
    at = (datetime.fromisoformat(event.t) - began).total_seconds()
    return Step(event.seq, at, title, content, event.seq)


def _output_step(
    found: Sequence[tuple[Event, CellOutput]], began: datetime, lines: int | None
) -> Step:
    """Outputs that came one after another; their events follow each other."""
    step = _step(found[0][0], began, "output", _outputs(found, lines))
    return replace(step, last=found[-1][0].seq)


def _shown(event: Event, lines: int | None) -> tuple[str, RenderableType] | None:
    for kind, show in _SHOWS.items():
        if isinstance(event.data, kind):
            title, content = show(event.data, lines)
            return (title or event.kind.value), content
    return None


def _opened(data: Opened, lines: int | None) -> tuple[str, RenderableType]:
    facts = {
        "instance": data.instance or data.title,
        "agent": f"{data.agent}, repeat {data.n}",
        "stamp": data.stamp.value,
        "sandbox": str(data.sandbox.get("tier", "-")),
        "notebook": data.notebook,
    }
    text = "\n".join(f"{name:9} {clean(value)}" for name, value in facts.items())
    return f"attempt {clean(data.attempt)}", Panel(Text(text), expand=False)


def _added(data: CellAdded, lines: int | None) -> tuple[str, RenderableType]:
    return f"{data.cell_type} cell {data.cell_id} ({data.role})", _source(
        data.source, data.cell_type, lines
    )


def _edited(data: CellEdited, lines: int | None) -> tuple[str, RenderableType]:
    return f"cell {data.cell_id} edited", _source(data.source, "code", lines)


def _ended(data: CellFinished, lines: int | None) -> tuple[str, RenderableType]:
    took = "" if data.ms is None else f" after {data.ms:,.0f} ms"
    style = "green" if data.status == "ok" else "red"
    return f"cell {data.cell_id}", Text(f"{data.status}{took} {clean(data.note)}", style=style)


def _accepted(data: AnswerAccepted, lines: int | None) -> tuple[str, RenderableType]:
    return "answer accepted", Panel(_json(data.answer, lines), border_style="green", expand=False)


def _rejected(data: AnswerRejected, lines: int | None) -> tuple[str, RenderableType]:
    said = Text(clean("\n".join(data.problems)), style="red")
    return "answer rejected", Group(Text(cut(clean(data.raw), lines)), said)


def _checked(data: AnswerChecked, lines: int | None) -> tuple[str, RenderableType]:
    return "answer format checked", Text("ok" if data.ok else clean("\n".join(data.problems)))


def _acted(data: Act, lines: int | None) -> tuple[str, RenderableType]:
    return "act", Group(_json(data.action, lines), Text("→"), _json(data.observation, lines))


def _act_refused(data: ActRefused, lines: int | None) -> tuple[str, RenderableType]:
    return "an action is refused", Text(cut(clean(f"{data.raw}\n{data.why}"), lines))


def _calculated(data: Calculation, lines: int | None) -> tuple[str, RenderableType]:
    told = _json(data.output, lines) if data.error is None else Text(clean(data.error), style="red")
    return clean(data.tool), Group(_json(data.arguments, lines), Text("→"), told)


def _kernel(data: KernelChange, lines: int | None) -> tuple[str, RenderableType]:
    said = (data.tier, None if data.ms is None else f"{data.ms:,.0f} ms", data.reason)
    return "", Text(clean(", ".join(part for part in said if part)), style="dim")


def _refused(data: CallRefused, lines: int | None) -> tuple[str, RenderableType]:
    return f"{clean(data.tool)} refused", Text(cut(clean(data.why), lines), style="red")


def _finished(data: Finished, lines: int | None) -> tuple[str, RenderableType]:
    return f"finished: {data.reason}", Group(_json(data.usage, lines), Text(clean(data.note)))


def _closed(data: Closed, lines: int | None) -> tuple[str, RenderableType]:
    return "closed", Text(f"notebook sha256 {data.notebook_sha256}", style="dim")


_SHOWS: dict[type[Frozen], Callable[..., tuple[str, RenderableType]]] = {
    Opened: _opened,
    CellAdded: _added,
    CellEdited: _edited,
    CellFinished: _ended,
    AnswerAccepted: _accepted,
    AnswerRejected: _rejected,
    AnswerChecked: _checked,
    Act: _acted,
    ActRefused: _act_refused,
    Calculation: _calculated,
    KernelChange: _kernel,
    CallRefused: _refused,
    Finished: _finished,
    Closed: _closed,
}


def _source(source: str, cell_type: str, lines: int | None) -> RenderableType:
    text = cut(clean(source), lines)
    if cell_type == "markdown":
        return Markdown(text, hyperlinks=False)
    return Syntax(text, "python", theme="ansi_dark", word_wrap=True)


def _outputs(found: Sequence[tuple[Event, CellOutput]], lines: int | None) -> RenderableType:
    texts: list[str] = []
    for _, data in found:
        text = _output(data.output)
        if texts and data.output["output_type"] == "stream":
            texts[-1] += text
        else:
            texts.append(text)
    return Text(cut(clean("\n".join(texts)).rstrip("\n"), lines))


def _output(output: dict[str, JSON]) -> str:
    if output["output_type"] == "stream":
        return output["text"]
    if output["output_type"] == "error":
        return "\n".join(output["traceback"]) or f"{output['ename']}: {output['evalue']}"
    data: dict[str, JSON] = output["data"]
    others = [f"[{mime}, {len(str(value)):,} characters]" for mime, value in data.items()]
    return str(data["text/plain"]) if "text/plain" in data else "\n".join(others)


def _json(value: JSON, lines: int | None) -> Text:
    return Text(cut(clean(dump(value).decode().rstrip("\n")), lines))
