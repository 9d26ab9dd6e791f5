"""Pages: what agents wrote is text, in Markdown and in HTML."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from evaluators._pages import (
    Bullets,
    Code,
    Grid,
    Heading,
    Link,
    Paragraph,
    Picture,
    anchor,
    flat,
    markdown,
    page,
)

NASTY = [
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "![x](http://evil/x.png)",
    "a | b `c` *d* _e_ ~~f~~",
    "# heading",
    "- item",
    "1. item",
    "---",
    "&lt;b&gt; &#x41;",
    "<http://evil>",
    "\\",
    "x\n\n# y",
    "\x1b[31mred\x1b[0m",
    "[r]: http://evil",
]


class Read(HTMLParser):
    """Tags and text of a page's body."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text.partition("<body>")[2])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def words(text: str) -> str:
    return " ".join(text.split())


@given(st.text(max_size=60))
@example("".join(NASTY))
def test_any_text_stays_text_in_a_paragraph(text: str):
    read = Read(page([Paragraph((text,))], "t", {}))
    assert set(read.tags) <= {"p"}
    assert words(read.text) == flat(text)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_stays_text_in_a_cell_and_a_list(one: str, other: str):
    blocks = [
        Grid(("head", one), ("left", "right"), ((one, other),)),
        Bullets(((one, " ", other),)),
    ]
    read = Read(page(blocks, "t", {}))
    assert read.tags == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td", "ul", "li"]
    assert words(read.text) == words(
        f"head {one_line(one)} {one_line(one)} {one_line(other)} {one_line(one)} {one_line(other)}"
    )


def one_line(text: str) -> str:
    return flat(text)


@pytest.mark.parametrize("text", NASTY)
def test_known_tricks_do_nothing(text: str):
    blocks = [Heading(2, text), Paragraph((Code(text),)), Bullets(((Link(text, "#row-1"),),))]
    whole = page(blocks, text, {})
    read = Read(whole)
    assert read.tags in (["h2", "p", "code", "ul", "li", "a"],)
    assert "<script" not in whole
    assert not re.search(r"(src|href)=\"(?!#row-1)", whole)


def test_links_to_scripts_are_refused_even_from_us():
    whole = page([Bullets(((Link("x", "javascript:alert(1)"),),))], "t", {})
    assert "href" not in whole


def test_pictures_are_put_into_the_page_and_missing_ones_are_an_error():
    whole = page([Picture("scores.png", "Scores")], "t", {"scores.png": b"\x89PNG"})
    assert 'src="data:image/png;base64,iVBORw==' in whole
    assert "default-src 'none'" in whole
    with pytest.raises(KeyError):
        page([Picture("scores.png", "Scores")], "t", {})


def test_headings_can_be_linked_to():
    whole = page([Heading(3, "Row 12"), Bullets(((Link("x", f"#{anchor('Row 12')}"),),))], "t", {})
    assert '<h3 id="row-12">' in whole
    assert '<a href="#row-12">' in whole


def test_numbers_read_as_numbers_in_the_source():
    text = markdown([Grid(("a",), ("right",), (("0.800",), ("-0.5",)))])
    assert text.splitlines()[2:] == ["| 0.800 |", "| -0.5 |"]
    assert MarkdownIt().enable("table").render(text).count("<td") == 2
