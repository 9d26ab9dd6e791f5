"""What the hall leaves in a record besides the work: failures of ours, refused calls, secrets."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from evaluators._integrity import flags
from evaluators._verify import State, keys, verify_run
from ground_truth import SecretStore
from server import rendering
from server.callers import Caller
from server.kernels import KernelHouse
from tasks import AgentFault, SandboxError
from tasks._record import RunFolder, house_failure_in, peek, read_log

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.hall.conftest import Hand, Place

pytestmark = pytest.mark.anyio

PAPER = "test/paper@1:small:private:7"
PICTURE = """
import base64, io
from PIL import Image
from IPython.display import display
out = io.BytesIO()
Image.new("RGB", (900, 600)).save(out, "PNG")
for _ in range(10):
    data = base64.b64encode(out.getvalue()).decode()
    display({"image/png": data, "text/plain": "figure"}, raw=True)
"""


def kinds(place: Place) -> list[str]:
    return [str(event.kind) for event in place.record("paper")[0].events]


class TestFailuresOfOurs:
    async def test_no_kernel_is_recorded_and_in_error_not_a_zero(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ):
        async def start(*_: Any) -> None:
            raise SandboxError("The room could not be made: no space left.")

        monkeypatch.setattr(KernelHouse, "start", start)
        hand = await place.exam(PAPER)
        place.hall.listed(Caller(hand.token), "f" * 64, 20)
        await hand.start()
        ran = await hand.run("1")
        assert ran["status"] == "died"
        assert "no space" not in str(ran)
        await hand("finish")
        log, _ = place.record("paper")
        reasons = [e.data for e in log.events if str(e.kind) == "kernel.failed"]
        assert "no space left" in str(reasons[0])
        (folder,) = RunFolder(place.runs / "exam_tester_1").attempts()
        assert "no space left" in house_failure_in(folder.events)

    async def test_a_server_that_fails_in_a_cell_is_recorded(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ):
        async def start(*_: Any) -> None:
            raise OSError("too many open files")

        monkeypatch.setattr(KernelHouse, "start", start)
        hand = await place.exam(PAPER)
        await hand.start()
        assert "The server could not run" in await hand.fault("execute_code", code="1")
        await hand("finish")
        log, _ = place.record("paper")
        failed = [str(e.data) for e in log.events if str(e.kind) == "kernel.failed"]
        assert any("failed in a cell: OSError: too many open files" in one for one in failed)

    async def test_an_agents_own_crash_is_no_failure_of_ours(self, place: Place):
        hand = await place.exam(PAPER)
        await hand.start()
        assert (await hand.run("import os; os._exit(1)"))["status"] == "died"
        await hand("finish")
        assert "kernel.failed" not in kinds(place)

    async def test_a_second_malformed_answer_whose_daemon_died_is_rejected_all_the_same(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ):
        hand = await place.exam(PAPER)
        await hand.start()

        async def dies(*_: Any) -> None:
            place.abandon(hand)

        await hand.fault("submit_answer", answer={})
        monkeypatch.setattr("server.tools.answers._end_if_over", dies)
        await hand.fault("submit_answer", answer={})
        await place.reopened()
        assert place.record("paper")[0].finished.reason == "rejected"


class TestRefusedCalls:
    async def test_reaching_for_what_is_not_its_own_leaves_a_trace(self, place: Place):
        hand, other = await place.exam(PAPER), await place.exam("test/find@1:small:private:7")
        await other.start()
        await hand.fault("start_task", task="test/find")
        await hand.fault("start_new_session")
        await hand.start()
        await hand.fault("start_task", seed=8)
        await hand.fault("start_session_resume_notebook", notebook_path="a.ipynb")
        await hand.fault("read_notebook", session_id=other.session_id)
        await hand.fault("wait", handle=f"{other.session_id}-0")
        await hand.fault("task_info", session_id="0123456789ab")
        with pytest.raises(AgentFault):
            place.hall.notebook(Caller(hand.token), other.session_id)
        await hand("finish")
        log, _ = place.record("paper")
        refused = [e.data for e in log.events if str(e.kind) == "call.refused"]
        assert [data.model_dump()["tool"] for data in refused] == [
            "start_task",
            "start_new_session",
            "start_task",
            "start_session_resume_notebook",
            "read_notebook",
            "wait",
            "task_info",
            "resources/read",
        ]
        assert len(_flags(place, "paper")) == len({str(data) for data in refused})
        assert _flags(place, "paper")[0].startswith("A call of start_task reached for")

    async def test_mistakes_leave_none(self, place: Place):
        hand = await place.exam(PAPER)
        await hand.fault("execute_code", session_id="my session", code="1")
        await hand.start()
        assert hand.session_id is not None
        slip = hand.session_id[:-1] + ("0" if hand.session_id[-1] != "0" else "1")
        await hand.fault("execute_code", session_id=slip, code="1")
        await hand.fault("task_info", session_id="1")
        await hand.fault("start_task")
        await hand.fault("start_task", task="test/paper", seed=7)
        await hand.fault("start_task", colour="red")
        await hand.fault("read_output", id=f"{hand.session_id}-99")
        await hand.fault("submit_answer", answer={})
        await hand("finish")
        assert "call.refused" not in kinds(place)
        assert _flags(place, "paper") == ()

    async def test_the_log_is_not_the_agents_to_fill(self, place: Place):
        hand = await place.exam(PAPER)
        for _ in range(120):
            await hand.fault("start_new_session")
        await hand.start()
        await hand("finish")
        assert kinds(place).count("call.refused") == 100


def _flags(place: Place, slug_part: str) -> tuple[str, ...]:
    attempts = RunFolder(place.runs / "exam_tester_1").attempts()
    (folder,) = [one for one in attempts if slug_part in one.slug]
    return flags(read_log(folder.events, keys(SecretStore(place.home))(peek(folder.events))))


class TestSecrets:
    async def test_an_attempt_keeps_its_secret_when_another_comes_into_force(self, place: Place):
        store = SecretStore(place.home)
        before = store.current()
        old = await place.exam(PAPER, diagnostic=True)
        brief = await old.start()
        oracle = await place.hall.diagnostic(place.attempt_id(old), "oracle")
        after = store.rotate()
        assert await place.hall.diagnostic(place.attempt_id(old), "oracle") == oracle
        assert (await old("task_info"))["prompt"] == brief["prompt"]
        await old("submit_answer", answer=oracle)
        young = await place.exam(PAPER, n=2)
        await young.start()
        await young("finish")
        first, second = RunFolder(place.runs / "exam_tester_1").attempts()
        assert peek(first.events).secret_id == before
        assert peek(second.events).secret_id == after
        assert verify_run(RunFolder(place.runs / "exam_tester_1"), keys(store)).holds

    async def test_a_lost_attempt_is_closed_under_its_own_secret(self, place: Place):
        hand = await place.exam(PAPER)
        await hand.start()
        place.abandon(hand)
        SecretStore(place.home).rotate()
        await place.reopened()
        log, _ = place.record("paper")
        assert log.finished.reason == "daemon_lost"
        assert not list((place.home / "live").iterdir())


class TestNotebooks:
    async def test_images_are_shrunk_off_the_loop_and_no_more_than_are_shown(
        self, practice: Hand, monkeypatch: pytest.MonkeyPatch
    ):
        await practice.run(PICTURE)
        await practice.run(PICTURE)
        threads: list[int] = []
        shrink = rendering.shrink

        def watched(encoded: Any) -> Any:
            threads.append(threading.get_ident())
            return shrink(encoded)

        monkeypatch.setattr(rendering, "shrink", watched)
        read = await practice("read_notebook")
        assert len(practice.pictures) == 8
        assert len(read["cells"]) == 2
        assert len(threads) == 10
        assert threading.get_ident() not in threads

    async def test_an_earlier_session_stays_whole_when_a_later_one_goes_on_in_its_notebook(
        self, place: Place
    ):
        hand = await place.notebook("first")
        await hand.run("x = 2")
        path = (await hand("list_sessions"))["sessions"][0]["notebook_path"]
        await hand("shutdown_session")
        (run,) = [RunFolder(folder) for folder in place.runs.iterdir()]
        again = place.practice()
        started = await again("start_session_resume_notebook", notebook_path=path)
        again.session_id = started["session_id"]
        await again.run("x + 1")
        key_of = keys(SecretStore(place.home))
        await _saved(path, "x + 1")
        verdict = verify_run(run, key_of)
        assert sorted(one.state for one in verdict.attempts) == [State.OPEN, State.WHOLE]
        assert verdict.holds
        await again("shutdown_session")
        verdict = verify_run(run, key_of)
        assert [one.state for one in verdict.attempts] == [State.WHOLE, State.WHOLE]
        assert verdict.holds


async def _saved(path: Path, words: str) -> None:
    with anyio.fail_after(20):
        while words not in await anyio.Path(path).read_text():  # noqa: ASYNC110 - saved by itself
            await anyio.sleep(0.01)
