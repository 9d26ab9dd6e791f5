"""Never ends: to see where a limit of turns, money or time holds."""

from runners.scripted_model._replay import Call, Script


async def play(call: Call) -> str:
    """Start, then ask for the brief again and again, also when that is refused."""
    desk = await call.desk()
    session = str((await desk.start())["session_id"])
    while True:
        await call.result("task_info", {"session_id": session})


script = Script(summary="never ends, to try limits of turns, money and time", play=play)
