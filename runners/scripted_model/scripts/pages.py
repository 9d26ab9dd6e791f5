"""Prints 60,000 characters, reads them page by page, and proves it by a checksum."""

import hashlib
import json
import re

from runners._desk import Desk
from runners.scripted_model._replay import Call, Script

CHARACTERS = 60_000
# Drawn in the kernel, so that nobody can know the text without reading it.
PRINT = f"""\
import hashlib, secrets
text = "\\n".join(secrets.token_hex(50) for _ in range({CHARACTERS} // 100 + 1))[:{CHARACTERS}]
print(text, end="")
"""
SUM = "print(hashlib.sha256(text.encode()).hexdigest())"
_WHERE = re.compile(r"read_output\(id='([^']+)'\)")


async def play(call: Call) -> str:
    """Start, print, read to the end, compare, note it in the notebook, leave."""
    desk = await call.desk()
    session = str((await desk.start())["session_id"])
    reply = json.loads(await desk.call("execute_code", session_id=session, code=PRINT))
    (where,) = _WHERE.findall(reply["cut"])
    text, pages = await _read(desk, where)
    wanted = (await desk.execute(session, SUM)).strip()
    same = hashlib.sha256(text.encode()).hexdigest() == wanted
    words = (
        f"{len(text)} characters in {pages} pages; "
        f"the checksum is {'the same' if same else 'another'}."
    )
    await desk.call("add_markdown", session_id=session, content=words)
    await desk.finish(session)
    return words


async def _read(desk: Desk, where: str) -> tuple[str, int]:
    text, pages, offset = "", 0, 0
    while offset is not None:
        page = json.loads(await desk.call("read_output", id=where, offset=offset))
        text, pages, offset = text + page["text"], pages + 1, page["next_offset"]
    return text, pages


script = Script(summary="prints 60,000 characters and reads them page by page", play=play)
