"""Draws a plot and says whether the picture reached it."""

from runners.scripted_model._replay import Call, Script

CELL = """\
import matplotlib.pyplot as plt

plt.plot([0, 1, 2, 3], [0, 1, 4, 9])
plt.show()
"""


async def play(call: Call) -> str:
    """Start, plot, note in the notebook what was seen, leave."""
    desk = await call.desk()
    session = str((await desk.start())["session_id"])
    seen = await call.result("execute_code", {"session_id": session, "code": CELL})
    words = f"{seen.images} image reached me." if seen.images else "No image reached me."
    await call("add_markdown", {"session_id": session, "content": words})
    await desk.finish(session)
    return words


script = Script(summary="draws a plot; says whether the picture reached it", play=play)
