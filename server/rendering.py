"""Outputs of a cell as an agent sees them: Scribe's items of text, and pictures.

Terminal colours and overwritten progress bars are taken out; HTML, scripts and widgets stay in
the notebook alone; images are decoded (a broken one would make a client's next request fail) and
brought down to 512 pixels on the long side. Whatever is left out is named.
"""

import base64
import binascii
import io
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from server.cells import Cell
from server.replies import LIMIT, Picture, Reply, Text, fit
from tasks import JSON

LONG_SIDE = 512
"""Pixels."""
MAX_PICTURES = 8
"""In one reply; the rest is reached through `read_notebook`."""
MAX_PIXELS = 40_000_000
MAX_ENCODED = 16_000_000
"""Characters of base64."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_TEXTS = ("text/plain", "text/markdown", "text/latex", "application/json")


@dataclass(frozen=True)
class Rendered:
    """What of some outputs fits a model."""

    items: list[dict[str, JSON]]
    pictures: list[Picture]
    left_out: list[str]
    """One phrase for each thing that only the notebook holds."""


def render(outputs: Iterable[Mapping[str, JSON]], *, pictures: bool = True) -> Rendered:
    """Turn nbformat outputs into items and, unless only the text is wanted, pictures."""
    rendered = Rendered([], [], [])
    for output in outputs:
        kind = output["output_type"]
        if kind == "stream":
            item = {"type": "text", "content": clean("".join(output["text"]))}
            rendered.items.append(item)
        elif kind == "error":
            rendered.items.append(_error(output))
        else:
            _display(output, rendered, pictures=pictures)
    return rendered


def pictured(outputs: Iterable[Mapping[str, JSON]]) -> bool:
    """Whether rendering them decodes images, which is long enough to hold up everybody else."""
    return any(mime in _IMAGES for output in outputs for mime in output.get("data", ()))


def text_of(outputs: Iterable[Mapping[str, JSON]]) -> str:
    """All text of the outputs in one string: what `read_output` pages through."""
    parts: list[str] = []
    for item in render(outputs, pictures=False).items:
        if item["type"] == "error":
            parts.append("\n".join([*item["traceback"], f"{item['name']}: {item['message']}"]))
        else:
            parts.append(str(item["content"]))
    return "\n".join(parts)


def cell_reply(head: Mapping[str, JSON], cell: Cell) -> Reply:
    """One JSON block with the cell's outputs, cut to size, then its pictures.

    Args:
        head: what the block says besides `execution_count`, `outputs` and `status`.
        cell: a cell that has run or is running.
    """
    rendered = render(cell.outputs)
    body: dict[str, JSON] = {
        **head,
        "execution_count": cell.execution_count,
        "outputs": rendered.items,
        "status": cell.status,
    }
    left_out = [*rendered.left_out, *_surplus(rendered.pictures)]
    if left_out:
        body["left_out"] = left_out[:10]
    if cell.note:
        body["note"] = cell.note[:1000]
    hint = f"outputs are cut; read_output(id={cell.id!r}) gives them whole, in pages"
    text, cut = fit(body, "outputs", LIMIT - len(hint) - 20)
    if cut:
        text, _ = fit({**body, "cut": hint}, "outputs", LIMIT)
    return (Text(text), *rendered.pictures[:MAX_PICTURES])


def clean(text: str) -> str:
    """Text without terminal codes, and of overwritten lines only what a terminal would show."""
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    if "\r" in text:
        text = "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n"))
    return _CONTROL.sub("", text)


def _surplus(pictures: list[Picture]) -> list[str]:
    more = len(pictures) - MAX_PICTURES
    return [f"{more} more images: look at them with read_notebook"] if more > 0 else []


def _error(output: Mapping[str, JSON]) -> dict[str, JSON]:
    return {
        "type": "error",
        "name": clean(str(output["ename"])),
        "message": clean(str(output["evalue"])),
        "traceback": [clean(str(line)) for line in output["traceback"]],
    }


def _display(output: Mapping[str, JSON], rendered: Rendered, *, pictures: bool) -> None:
    data: Mapping[str, JSON] = output["data"]
    image = next((mime for mime in _IMAGES if mime in data), None)
    if image is not None and pictures:
        picture = shrink(data[image])
        if isinstance(picture, Picture):
            rendered.pictures.append(picture)
            return
        rendered.left_out.append(f"{image}: {picture}")
    kind = "result" if output["output_type"] == "execute_result" else "display"
    mime = next((mime for mime in _TEXTS if mime in data), None)
    if mime is not None:
        value = data[mime]
        content = value if isinstance(value, str) else _plain(value)
        rendered.items.append({"type": kind, "content": clean(content)})
    # HTML nearly always stands beside a plain text that says the same.
    rich = [m for m in data if m not in (*_TEXTS, *_IMAGES, "text/html")]
    rendered.left_out.extend(f"{m} (in the notebook)" for m in rich)


def _plain(value: JSON) -> str:
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return "".join(value)
    return str(value)


def shrink(encoded: JSON) -> Picture | str:
    """Decode a base64 image and bring it down to size; a phrase if it cannot be shown."""
    if not isinstance(encoded, str) or len(encoded) > MAX_ENCODED:
        return "too large to show"
    try:
        raw = base64.b64decode(encoded)
        with warnings.catch_warnings():
            # Pillow only warns of bombs up to twice its limit; ours is checked before decoding.
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(raw))
            if image.width * image.height > MAX_PIXELS:
                return f"{image.width} by {image.height} pixels are too many to show"
            return _encode(image)
    except (binascii.Error, UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return "not a readable image"
    except Image.DecompressionBombError:
        return "too large to show"


def _encode(image: Image.Image) -> Picture:
    form = "JPEG" if image.format == "JPEG" else "PNG"
    image.load()
    if image.mode not in ("RGB", "RGBA", "L"):
        image = image.convert("RGB" if form == "JPEG" else "RGBA")
    if max(image.size) > LONG_SIDE:
        scale = LONG_SIDE / max(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, form)
    return Picture(out.getvalue(), f"image/{form.lower()}")
