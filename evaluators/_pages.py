"""Pages for people: a few blocks that become Markdown, and HTML through markdown-it.

Agents' names, answers and excuses are text here, never markup: every string of a block is escaped
on its way into Markdown, and the HTML is made of that Markdown with raw HTML switched off, links
to `javascript:` refused, and no script (its content security policy forbids them besides).
"""

import base64
import html
import os
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from evaluators._replay import clean

_SPECIAL = re.compile(r"([\\`*_\[\]<>|&~$#])")
_LEADING = re.compile(r"^([-+=]|\d{1,9}[.)](?=\s|$))")
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;display:block;overflow-x:auto}th,td{padding:.2rem .6rem;
border-bottom:1px solid #ccc;white-space:nowrap}img{max-width:100%}h1,h2,h3{line-height:1.2}
code{background:#f2f2f2}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}
a{color:#8bf}code{background:#333}th,td{border-color:#444}img{background:#fff}}"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Link:
    """Text that leads somewhere."""

    text: str
    to: str
    """`#anchor` of a heading of the page, or a percent-encoded relative path."""


@dataclass(frozen=True)
class Code:
    """A name as a machine has it."""

    text: str


Inline = str | Link | Code
Side = Literal["left", "right"]


@dataclass(frozen=True)
class Heading:
    """A heading; its anchor is its words in small letters, joined by hyphens."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """One paragraph."""

    parts: tuple[Inline, ...]


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple[tuple[Inline, ...], ...]


@dataclass(frozen=True)
class Grid:
    """A table."""

    heads: tuple[str, ...]
    sides: tuple[Side, ...]
    lines: tuple[tuple[Inline, ...], ...]


@dataclass(frozen=True)
class Picture:
    """An image file beside the page."""

    path: str
    text: str


Block = Heading | Paragraph | Bullets | Grid | Picture


def said(text: str) -> Paragraph:
    """A paragraph of plain text."""
    return Paragraph((text,))


def listed(lines: Sequence[str]) -> Bullets:
    """A list of plain texts."""
    return Bullets(tuple((line,) for line in lines))


def markdown(blocks: Sequence[Block]) -> str:
    """The page in Markdown (CommonMark with tables)."""
    return "\n\n".join(text for block in blocks if (text := _block(block))) + "\n"


def page(blocks: Sequence[Block], title: str, pictures: Mapping[str, bytes]) -> str:
    """The page in HTML, in one file.

    Args:
        blocks: Its content.
        title: For the window.
        pictures: PNG files by the path under which a `Picture` names them; they are put into the
            file.

    Raises:
        KeyError: a picture is missing.
    """
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(markdown(blocks))
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", anchor(_plain(tokens[at + 1])))
        for child in token.children or ():
            if child.type == "image":
                child.attrSet("src", _embedded(pictures[urllib.parse.unquote(_source(child))]))
    body = str(reader.renderer.render(tokens, reader.options, {}))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(flat(title))}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}</body></html>\n"
    )


def anchor(text: str) -> str:
    """The name under which a heading can be linked to, as hosts of Markdown make it."""
    words = re.sub(r"[^\w\- ]", "", text.lower())
    return words.replace(" ", "-")


def relative(path: str | Path, base: Path) -> str:
    """A link from a page in the folder `base` to a file: relative and percent-encoded."""
    return urllib.parse.quote(os.path.relpath(path, base).replace(os.sep, "/"), safe="/")


def flat(text: str) -> str:
    """One line without control characters."""
    return " ".join(clean(text).split())


def escaped(text: str) -> str:
    """Plain text as Markdown that shows just that."""
    return _SPECIAL.sub(r"\\\1", flat(text))


def shifted(blocks: Sequence[Block], by: int) -> list[Block]:
    """The same a few levels deeper, as part of another page."""
    return [
        replace(block, level=min(6, block.level + by)) if isinstance(block, Heading) else block
        for block in blocks
    ]


def _shielded(match: "re.Match[str]") -> str:
    """A list's mark, or a rule's, at the start of a line, disarmed."""
    mark = match[1]
    return f"{mark[:-1]}\\{mark[-1]}"


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {escaped(block.text)}"
        case Paragraph():
            return _line(block.parts)
        case Bullets():
            return "\n".join(f"- {_line(item)}" for item in block.items)
        case Grid():
            return _grid(block)
        case Picture():
            return f"![{escaped(block.text)}]({urllib.parse.quote(block.path, safe='/')})"


def _grid(grid: Grid) -> str:
    rule = ["---" if side == "left" else "---:" for side in grid.sides]
    heads = [escaped(head) for head in grid.heads]
    lines = [heads, rule, *([_inline(cell) for cell in line] for line in grid.lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(parts: Sequence[Inline]) -> str:
    whole = "".join(_inline(part) for part in parts).strip()
    return _LEADING.sub(_shielded, whole)


def _inline(part: Inline) -> str:
    match part:
        case Link():
            return f"[{escaped(part.text)}]({part.to})"
        case Code():
            # A pipe would end a table's cell even here.
            text = flat(part.text).replace("`", "'").replace("|", "¦")
            return f"`{text}`" if text else ""
        case str():
            # An escape strips the spaces that part it from its neighbours.
            before = " " if part[:1].isspace() else ""
            after = " " if part[-1:].isspace() and part.strip() else ""
            return f"{before}{escaped(part)}{after}"


def _plain(token: Any) -> str:
    return "".join(child.content for child in token.children or ())


def _source(image: Any) -> str:
    return str(image.attrGet("src"))


def _embedded(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"
