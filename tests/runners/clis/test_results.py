"""What reaches a CLI's model: our tools alone, pictures as pictures, long output to its end."""

from typing import Any

import pytest

from tasks._record import Kind

pytestmark = [pytest.mark.npm, pytest.mark.timeout(300)]

CLIS = ("claude", "codex", "gemini")


def cases(quick: str) -> list[Any]:
    """Every CLI over both transports; one of them by default."""
    return [
        pytest.param(cli, way, marks=() if (cli, way) == (quick, "stdio") else pytest.mark.slow)
        for cli in CLIS
        for way in ("stdio", "http")
    ]


@pytest.mark.parametrize(("cli", "transport"), cases("gemini"))
def test_built_in_tools_are_refused_where_the_model_asks_for_them(
    table: Any, cli: str, transport: str
):
    sat = table.play(f"{cli}:scripted+script=builtin+transport={transport}")
    assert "0 of " in sat.notes
    assert "built-in tools ran: none." in sat.notes
    assert sat.kinds()[-1] == Kind.CLOSED


@pytest.mark.parametrize(("cli", "transport"), cases("claude"))
def test_an_image_reaches_the_model_as_an_image(table: Any, cli: str, transport: str):
    sat = table.play(f"{cli}:scripted+script=image+transport={transport}")
    assert "1 image reached me." in sat.notes


@pytest.mark.parametrize(("cli", "transport"), cases("codex"))
def test_sixty_thousand_characters_are_read_to_the_end_by_pages(
    table: Any, cli: str, transport: str
):
    sat = table.play(f"{cli}:scripted+script=pages+transport={transport}")
    assert "60000 characters in " in sat.notes
    assert "the checksum is the same." in sat.notes
