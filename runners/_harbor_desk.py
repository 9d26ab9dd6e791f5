"""The desk in a Harbor container: joins the task's MCP server to the gate outside. No key is here.

This file is copied into exported tasks as it is and needs Python's standard library alone:

    desk.py sit TASK      an agent's stdio MCP server: its bytes go to the gate and back
    desk.py solve TASK    Harbor's oracle: the gate plays a diagnostic attempt
    desk.py score         the verifier: asks the gate for the score of this container's attempt

PROCTOR_GATE is `host:port` and PROCTOR_GATE_TOKEN what `proctor export serve` said.
"""

import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

ROOT = Path(os.environ.get("PROCTOR_ROOT", "/"))
"""The container's root; another folder where there is no container."""
TRIAL = ROOT / "tmp" / "proctor-trial"
REWARD = ROOT / "logs" / "verifier" / "reward.json"
CHUNK = 1 << 16


def setting(name: str) -> str:
    """A variable of the container; agents that start MCP servers with few variables lose it."""
    if name in os.environ:
        return os.environ[name]
    try:
        pairs = Path("/proc/1/environ").read_bytes().split(b"\0")
    except OSError:
        pairs = []
    for pair in pairs:
        if pair.startswith(name.encode() + b"="):
            return pair.partition(b"=")[2].decode()
    raise SystemExit(f"desk.py: {name} is not set; `proctor export serve` tells what it must be.")


def dial(want: str, task: str = "") -> "tuple[socket.socket, dict[str, object]]":
    """Greet the gate; give the connection and its answer."""
    host, _, port = setting("PROCTOR_GATE").rpartition(":")
    trial = TRIAL.read_text() if TRIAL.exists() else ""
    line = socket.create_connection((host, int(port)))
    greeting = {"token": setting("PROCTOR_GATE_TOKEN"), "want": want, "task": task, "trial": trial}
    if want == "solve":
        greeting["token"] = setting("PROCTOR_ORACLE_TOKEN")
    line.sendall(json.dumps(greeting).encode() + b"\n")
    answer = b""
    while not answer.endswith(b"\n"):
        byte = line.recv(1)
        if not byte:
            raise SystemExit("desk.py: the gate hung up; is `proctor export serve` still running?")
        answer += byte
    said = json.loads(answer)
    if "error" in said:
        raise SystemExit(f"desk.py: {said['error']}")
    if "trial" in said:
        TRIAL.parent.mkdir(parents=True, exist_ok=True)
        TRIAL.write_text(str(said["trial"]))
    return line, said


def sit(task: str) -> None:
    """Relay stdin and stdout until either side ends."""
    line, _ = dial("sit", task)
    out = threading.Thread(target=pump, args=(lambda: line.recv(CHUNK), write), daemon=True)
    out.start()
    pump(lambda: os.read(0, CHUNK), line.sendall)
    line.shutdown(socket.SHUT_WR)
    out.join()


def pump(read: "Callable[[], bytes]", send: "Callable[[bytes], object]") -> None:
    """Carry bytes until there are no more."""
    data = read()
    while data:
        send(data)
        data = read()


def write(data: bytes) -> None:
    """Write all of it to stdout."""
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def score() -> None:
    """Write the rewards that the gate tells; none where the server never saw the agent."""
    _, said = dial("score")
    rewards = json.dumps(said["rewards"])
    REWARD.parent.mkdir(parents=True, exist_ok=True)
    REWARD.write_text(rewards)
    print(rewards)  # noqa: T201 - the verifier's own output


if __name__ == "__main__":
    asked = sys.argv[1:]
    if asked[:1] == ["sit"]:
        sit(asked[1])
    elif asked[:1] == ["solve"]:
        dial("solve", asked[1])
    elif asked == ["score"]:
        score()
    else:
        raise SystemExit(__doc__)
