"""The hall from an agent's chair: practice, exams, budgets, leases, answers, episodes, records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from nbformat import validate

from server.callers import Caller
from tasks import AgentFault, Budget, UsageError
from tasks._record import ActRefused, RunFolder, accepted_answer, acts, load_notebook, role

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.hall.conftest import Hand, Place

pytestmark = pytest.mark.anyio

PAPER = "test/paper@1:small:private:7"
FIND = "test/find@1:small:private:7"


async def until(condition: Any) -> None:
    """Wait, bounded, for something that the hall does by itself."""
    with anyio.fail_after(20):
        while not condition():  # noqa: ASYNC110 - the hall tells nobody when a clock has run out
            await anyio.sleep(0.01)


class TestPractice:
    async def test_a_notebook_session_computes_and_is_saved(self, place: Place):
        hand = await place.notebook("my plan/../x")
        assert await hand.text("x = 20\nprint(x + 1)") == "21\n"
        assert await hand.run("x") == {
            "session_id": hand.session_id,
            "execution_count": 2,
            "outputs": [{"type": "result", "content": "20"}],
            "status": "ok",
        }
        assert await hand("add_markdown", content="# Notes") == {"cell_number": 3}
        edited = await hand("edit_cell", code="x + 5", cell_index=1)
        assert (edited["cell_index"], edited["actual_notebook_index"]) == (1, 1)
        assert edited["outputs"][0]["content"] == "25"
        assert "shut down" in await hand("shutdown_session")
        log, path = place.record("session-")
        assert log.finished.reason == "finished"
        assert path.name.endswith("_my-plan-..-x.ipynb")
        saved = load_notebook(path)
        validate(saved)
        assert [c["source"] for c in saved["cells"]] == [
            "x = 20\nprint(x + 1)",
            "x + 5",
            "# Notes",
        ]

    async def test_a_task_can_be_tried_with_any_seed_and_is_stamped_practice(self, place: Place):
        hand = place.practice()
        brief = await hand.start(task="test/paper", preset="large", seed=3, split="private")
        assert brief["stamp"] == "practice"
        assert brief["instance"] == "test/paper@1:large:private:3"
        assert brief["files"] == {"task/instance.json": 13}
        assert brief["answer_schema"]["properties"]["number"]["maximum"] == 1000
        assert await hand.text("print(open('task/instance.json').read())") == '{"high": 100}\n'
        again = place.practice()
        assert (await again.start(task="test/paper"))["seed"] == 0
        assert again.session_id != hand.session_id
        listed = await place.practice()("list_sessions")
        assert {s["session_id"] for s in listed["sessions"]} == {again.session_id, hand.session_id}

    async def test_mistakes_are_answered_with_the_way_on(self, place: Place):
        hand = place.practice()
        assert "Did you mean test/paper" in await hand.fault("start_task", task="test/papr")
        assert "small, large" in await hand.fault("start_task", task="test/paper", preset="tiny")
        assert "list_tasks" in await hand.fault("start_task")
        assert "seed" in await hand.fault("start_task", task="test/paper", seed=-1)
        assert "list_sessions" in await hand.fault("execute_code", session_id="no", code="1")
        assert "Did you mean execute_code" in await hand.fault("exec_code", code="1")
        assert "session_id" in await hand.fault("execute_code", code="1")

    async def test_a_free_notebook_has_no_answer(self, practice: Hand):
        assert "free notebook" in await practice.fault("submit_answer", answer={})
        assert "free notebook" in await practice.fault("task_info")
        assert "not played with `act`" in await practice.fault("act", action=1)

    async def test_tasks_are_listed_by_suite(self, place: Place):
        listed = await place.practice()("list_tasks", suite="test")
        assert [task["task"] for task in listed["tasks"]] == ["test/find", "test/paper"]


class TestCells:
    async def test_an_error_is_told_with_its_traceback(self, practice: Hand):
        ran = await practice.run("def f():\n    raise ValueError('no')\nf()")
        assert ran["status"] == "error"
        assert ran["outputs"][0]["name"] == "ValueError"
        assert "\x1b" not in "".join(ran["outputs"][0]["traceback"])

    async def test_an_endless_loop_ends_with_its_timeout(self, practice: Hand):
        ran = await practice.run("x = 1\nwhile True: pass", timeout_s=1)
        assert ran["status"] == "timeout"
        assert await practice.text("print(x)") == "1\n"

    async def test_input_is_refused_at_once(self, practice: Hand):
        ran = await practice.run("input('?')")
        assert ran["outputs"][-1]["name"] == "StdinNotImplementedError"

    async def test_a_background_cell_is_waited_for(self, practice: Hand):
        ran = await practice.run(
            "import time\nprint('begun', flush=True)\ntime.sleep(1)\n7", background=True
        )
        assert ran["status"] == "running"
        assert "is still running" in await practice.fault("execute_code", code="1")
        early = await practice("wait", handle=ran["handle"], max_s=0.05)
        assert early["status"] == "running"
        done = await practice("wait", handle=ran["handle"], max_s=60)
        assert done["status"] == "ok"
        assert done["outputs"][-1]["content"] == "7"
        assert "handle" not in done

    async def test_a_cancelled_call_interrupts_the_cell_and_is_recorded(self, place: Place):
        hand = await place.notebook()
        with anyio.move_on_after(1.5) as scope:
            await hand.run("import time\nfor _ in range(600): time.sleep(0.1)")
        assert scope.cancelled_caught
        assert await hand.text("print('alive')") == "alive\n"
        await hand("shutdown_session")
        log, path = place.record("session-")
        assert "kernel.interrupted" in [str(e.kind) for e in log.events]
        statuses = [c["metadata"]["proctor"]["status"] for c in load_notebook(path)["cells"]]
        assert statuses == ["interrupted", "ok"]

    async def test_concurrent_calls_on_one_session_take_turns(self, practice: Hand):
        seen: dict[int, str] = {}

        async def one(i: int) -> None:
            seen[i] = await practice.text(f"import time; time.sleep(0.05); print({i})")

        async with anyio.create_task_group() as group:
            for i in range(5):
                group.start_soon(one, i)
        assert seen == {i: f"{i}\n" for i in range(5)}

    async def test_other_sessions_answer_while_a_cell_runs(self, place: Place):
        busy, other = await place.notebook(), await place.notebook()
        ran = await busy.run("import time; time.sleep(600)", background=True)
        assert await other.text("print(1)") == "1\n"
        assert "interrupted" in await busy("interrupt_session")
        done = await busy("wait", handle=ran["handle"])
        assert done["status"] == "interrupted"
        assert "No cell is running" in await busy("interrupt_session")

    async def test_a_dead_kernel_is_told_and_the_session_goes_on(self, practice: Hand):
        await practice.run("x = 1")
        ran = await practice.run("import os; os._exit(1)")
        assert ran["status"] == "died"
        assert ran["note"]
        ran = await practice.run("x")
        assert ran["outputs"][0]["name"] == "NameError"

    async def test_long_output_is_paged(self, practice: Hand):
        ran = await practice.run("for i in range(5000): print(f'line {i}')")
        assert "read_output" in ran["cut"]
        whole, offset = "", 0
        cell = ran["cut"].split("'")[1]
        while offset is not None:
            page = await practice("read_output", id=cell, offset=offset)
            whole, offset = whole + page["text"], page["next_offset"]
        assert whole == "".join(f"line {i}\n" for i in range(5000))

    async def test_replay_runs_what_had_succeeded_again(self, practice: Hand):
        await practice.run("x = [1]")
        await practice.run("x.append(2)")
        await practice.run("1 / 0")
        assert "lost" in await practice("restart_session")
        assert (await practice.run("x"))["outputs"][0]["name"] == "NameError"
        text = await practice("restart_session", replay=True)
        assert "2 recorded cells" in text
        assert await practice.text("print(x)") == "[1, 2]\n"

    async def test_a_replay_stops_at_a_cell_in_which_the_kernel_died_twice(self, practice: Hand):
        await practice.run("x = 1")
        poison = "import os, pathlib\nif pathlib.Path('p').exists(): os._exit(1)"
        await practice.run(poison)
        await practice.run("open('p', 'w').close()")
        for _ in range(2):
            text = await practice("restart_session", replay=True)
            assert "the kernel died in code cell 1" in text or "left out" in text
            # The cell is `died` now; give it its old standing back, as an edit would.
            await practice.run("import pathlib; pathlib.Path('p').unlink()")
            await practice("edit_cell", code=poison, cell_index=1)
            await practice.run("open('p', 'w').close()")
        assert "left out" in await practice("restart_session", replay=True)
        assert await practice.text("print(x)") == "1\n"

    async def test_a_notebook_is_read_in_parts(self, practice: Hand):
        for i in range(4):
            await practice.run(f"print('out' * 1000, {i})")
        read = await practice("read_notebook", cells="1:3")
        assert [c["cell_index"] for c in read["cells"]] == [1, 2]
        assert "outputs" not in (await practice("read_notebook", cells="-1", outputs=False))
        whole = await practice("read_notebook")
        assert whole["total_cells"] == 4
        assert "cells=" in whole["next"]
        assert "There is no cell 9" in await practice.fault("read_notebook", cells="9")
        assert "cannot be read" in await practice.fault("read_notebook", cells="a")

    async def test_an_updated_display_is_seen_updated(self, practice: Hand):
        text = await practice.text(
            "from IPython.display import display\n"
            "h = display('before', display_id=True)\nh.update('after')"
        )
        assert text == "'after'"
        text = await practice.text(
            "from IPython.display import clear_output\nprint(1)\nclear_output()\nprint(2)"
        )
        assert text == "2\n"


class TestExam:
    async def test_the_token_fixes_everything(self, place: Place):
        hand = await place.exam(PAPER)
        assert "call `start_task`" in await hand.fault("execute_code", session_id="x", code="1")
        (only,) = (await hand("list_tasks"))["tasks"]
        assert (only["task"], only["presets"]) == ("test/paper", ["small"])
        for wrong in (
            {"task": "test/find"},
            {"preset": "large"},
            {"seed": 8},
            {"split": "public"},
        ):
            assert "fixes" in await hand.fault("start_task", **wrong)
        brief = await hand.start(task="test/paper", preset="small", seed=7, split="private")
        assert brief["stamp"] == "exam"
        assert brief["notebook_path"].startswith("notebooks/")
        assert str(hand.session_id) in await hand.fault("start_task")
        for tool, arguments in (
            ("start_new_session", {}),
            ("start_session_resume_notebook", {"notebook_path": "a.ipynb"}),
            ("start_session_continue_notebook", {"notebook_path": "a.ipynb"}),
        ):
            caller = Caller(hand.token)
            with pytest.raises(AgentFault, match="An exam is written in its own notebook"):
                await place.hall.call(caller, tool, arguments)

    async def test_nobody_reaches_another_session(self, place: Place):
        mine, other = await place.exam(PAPER), await place.exam(PAPER, n=2)
        await mine.start()
        await other.start()
        practice = await place.notebook()
        await practice.run("secret = 1")
        for hand, foreign in ((mine, other), (mine, practice), (practice, mine)):
            for tool, arguments in (
                ("execute_code", {"code": "1"}),
                ("read_notebook", {}),
                ("submit_answer", {"answer": {"number": 1}}),
                ("task_info", {}),
                ("interrupt_session", {}),
            ):
                words = await hand.fault(tool, **{**arguments, "session_id": foreign.session_id})
                assert str(foreign.session_id) not in words.replace(f"'{foreign.session_id}'.", "")
            await hand.fault("wait", handle=f"{foreign.session_id}-0")
            await hand.fault("read_output", id=f"{foreign.session_id}-0")
            with pytest.raises(AgentFault):
                place.hall.notebook(Caller(hand.token), foreign.session_id)
        stranger = Caller("no such token")
        with pytest.raises(AgentFault, match="admits to no attempt"):
            await place.hall.call(stranger, "list_tasks", {})

    async def test_a_valid_answer_closes_the_attempt(self, place: Place):
        hand = await place.exam(PAPER)
        await hand.start()
        await hand.run(
            "import pathlib\np = pathlib.Path('outputs'); p.mkdir(exist_ok=True)\n"
            "(p / 'a.txt').write_text('kept')\n(p / 'link').symlink_to('/etc/passwd')"
        )
        assert await hand("check_answer_format", answer={"number": "7"}) == {
            "ok": False,
            "problems": ["number: Input should be a valid integer"],
            "left": 1,
            "note": "the shape alone was checked",
        }
        accepted = await hand("submit_answer", answer={"number": 7})
        assert accepted == {"status": "accepted", "note": "The attempt is closed."}
        for tool, arguments in (
            ("submit_answer", {"answer": {"number": 8}}),
            ("execute_code", {"code": "1"}),
            ("start_task", {}),
        ):
            assert "an answer was accepted" in await hand.fault(tool, **arguments)
        log, path = place.record("paper")
        assert log.finished.reason == "submitted"
        assert log.closed.invalid == ""
        saved = load_notebook(path)
        assert accepted_answer(saved) == ({"number": 7},)
        assert role(saved["cells"][0]) == "brief"
        kept = path.parents[1] / "outputs"
        assert [p.name for p in kept.rglob("*") if not p.is_dir()] == ["a.txt"]
        usage = json.loads((log_folder(place) / "usage.json").read_text())
        assert usage["reason"] == "submitted"
        assert usage["tool_calls"] == 2

    async def test_a_malformed_answer_may_be_repaired_once(self, place: Place):
        hand = await place.exam(PAPER)
        await hand.start()
        words = await hand.fault("submit_answer", answer={"number": 7.5})
        assert "repair it and submit once more" in words
        assert (await hand("submit_answer", answer='{"number": 7}'))["status"] == "accepted"
        log, _ = place.record("paper")
        assert [str(e.kind) for e in log.events].count("answer.rejected") == 1

    @pytest.mark.parametrize(
        "raw",
        ["NaN", '{"number": 1, "number": 2}', "[" * 3000, {"number": True}, {"number": 1, "x": 1}],
    )
    async def test_a_second_malformed_answer_ends_the_attempt(self, place: Place, raw: Any):
        hand = await place.exam(PAPER)
        await hand.start()
        await hand.fault("submit_answer", answer=raw)
        assert "malformed again" in await hand.fault("submit_answer", answer=raw)
        assert "two malformed answers" in await hand.fault("submit_answer", answer={"number": 1})
        log, path = place.record("paper")
        assert log.finished.reason == "rejected"
        assert accepted_answer(load_notebook(path)) is None

    async def test_finish_ends_without_an_answer(self, place: Place):
        hand = await place.exam(PAPER)
        await hand.start()
        assert "without an answer" in await hand("finish")
        assert "finished without an answer" in await hand.fault("submit_answer", answer={})

    async def test_checks_are_counted(self, place: Place):
        hand = await place.exam(PAPER)
        await hand.start()
        assert (await hand("check_answer_format", answer={"number": 1}))["ok"]
        await hand("check_answer_format", answer={"number": 1})
        words = await hand.fault("check_answer_format", answer={"number": 1})
        assert "answer checks are used" in words

    async def test_spent_calls_leave_the_way_out_open(self, place: Place):
        hand = await place.exam(PAPER, budget=Budget(tool_calls=1))
        await hand.start()
        await hand("task_info")
        assert "All 1 tool calls" in await hand.fault("task_info")
        assert (await hand("submit_answer", answer={"number": 1}))["status"] == "accepted"

    async def test_a_lease_without_contact_ends_the_attempt(self, place: Place):
        hand = await place.exam(PAPER, lease_s=600, budget=Budget(wall_s=0))
        await hand.start()
        await hand.run("1")
        place.time.ahead += 599
        await hand("task_info")
        place.time.ahead += 601
        await place.hall.reap()
        assert place.hall.state() == []
        assert "longer than the lease" in await hand.fault("execute_code", code="1")
        log, _ = place.record("paper")
        assert log.finished.reason == "expired"

    async def test_the_wall_budget_ends_the_attempt_and_its_cell(self, place: Place):
        hand = await place.exam(PAPER, budget=Budget(wall_s=500, cell_s=0))
        await hand.start()
        ran = await hand.run("import time; time.sleep(900)", background=True)
        assert ran["status"] == "running"
        place.time.ahead += 500
        assert "time budget is spent" in await hand.fault("task_info")
        await until(lambda: not place.hall.state())
        log, path = place.record("paper")
        assert log.finished.reason == "budget"
        assert load_notebook(path)["cells"][-1]["metadata"]["proctor"]["status"] == "died"

    async def test_shutdown_stops_the_kernel_and_leaves_the_attempt_open(self, place: Place):
        hand = await place.exam(PAPER)
        await hand.start()
        await hand.run("x = 1")
        assert "still open" in await hand("shutdown_session")
        assert (await hand.run("x"))["outputs"][0]["name"] == "NameError"
        assert (await hand("submit_answer", answer={"number": 1}))["status"] == "accepted"

    async def test_the_offered_tools_are_recorded(self, place: Place):
        hand = await place.exam(PAPER)
        place.hall.listed(Caller(hand.token), "ab" * 32, 20)
        await hand.start()
        await hand("finish")
        log, _ = place.record("paper")
        assert log.events[2].kind == "tools.listed"

    async def test_its_own_notebook_is_a_resource(self, place: Place):
        hand = await place.exam(PAPER)
        await hand.start()
        await hand.run("print(1)")
        document = json.loads(place.hall.notebook(Caller(hand.token), None))
        assert document["cells"][1]["source"] == ["print(1)"]


class TestEpisode:
    async def test_acts_are_steps_of_the_hidden_world_and_recorded(self, place: Place):
        hand = await place.exam(FIND)
        brief = await hand.start()
        assert (brief["episode"], brief["notebook"]) == (True, False)
        assert brief["observation"] == {"view": {"asked": 0}, "reward": 0.0, "done": False}
        assert "number: Input should be a valid integer" in await hand.fault(
            "act", action={"number": "five"}
        )
        assert "up to 500" in await hand.fault("act", action={"number": 999})
        assert "play it with `act`" in await hand.fault("submit_answer", answer={"number": 1})
        low, high, steps = 0, 100, 0
        while True:
            guess = (low + high) // 2
            seen = await hand("act", action={"number": guess})
            steps += 1
            if seen["done"]:
                break
            low, high = (guess + 1, high) if seen["view"]["it is"] == "higher" else (low, guess)
        assert "attempt is closed" in seen["note"]
        assert "session is over" in await hand.fault("act", action={"number": 1})
        log, path = place.record("find")
        refused = [event.data for event in log.events if isinstance(event.data, ActRefused)]
        assert [json.loads(one.raw)["number"] for one in refused] == ["five", 999]
        assert not [e for e in log.events if str(e.kind).startswith("kernel")]
        assert [step["action"] for step in acts(load_notebook(path))][-1] == {"number": guess}
        assert len(acts(load_notebook(path))) == steps


class TestOperator:
    async def test_only_a_diagnostic_attempt_gets_its_key(self, place: Place):
        plain, told = await place.exam(PAPER), await place.exam(PAPER, n=2, diagnostic=True)
        await plain.start()
        assert (await told.start())["stamp"] == "diagnostic"
        with pytest.raises(UsageError, match="stays closed"):
            await place.hall.diagnostic(place.attempt_id(plain), "oracle")
        answer = await place.hall.diagnostic(place.attempt_id(told), "oracle")
        assert (await told("submit_answer", answer=answer))["status"] == "accepted"

    async def test_an_attempt_can_be_ended_more_than_once(self, place: Place):
        hand = await place.exam(PAPER)
        await hand.start()
        attempt = place.attempt_id(hand)
        await place.hall.close_attempt(attempt, "the suite is over")
        await place.hall.close_attempt(attempt, "again")
        await place.hall.close_attempt("never was", "x")
        assert "the operator ended it" in await hand.fault("task_info")
        log, _ = place.record("paper")
        assert (log.finished.reason, log.finished.note) == ("killed", "the suite is over")

    async def test_state_tells_who_sits_where(self, place: Place):
        hand = await place.exam(PAPER)
        (one,) = place.hall.state()
        assert (one["phase"], one["agent"], one["instance"]) == ("opened", "tester", PAPER)
        await hand.start()
        assert place.hall.state()[0]["phase"] == "running"

    @pytest.mark.parametrize(
        "instance", ["nonsense", "test/none@1:small:private:1", PAPER + "00" * 9]
    )
    async def test_a_wrong_instance_is_refused(self, place: Place, instance: str):
        with pytest.raises(UsageError):
            await place.exam(instance)

    async def test_what_a_lost_daemon_left_open_is_closed_by_the_next(self, place: Place):
        hand = await place.exam(PAPER)
        await hand.start()
        await hand.run("print('kept')")
        place.abandon(hand)
        await place.reopened()
        log, path = place.record("paper")
        assert log.finished.reason == "daemon_lost"
        assert load_notebook(path)["cells"][1]["outputs"][0]["text"] == "kept\n"


def log_folder(place: Place) -> Path:
    """The folder of the one graded attempt."""
    (folder,) = RunFolder(place.runs / "exam_tester_1").attempts()
    return folder.path


class TestEarlierNotebooks:
    async def test_resume_runs_the_cells_again_in_place(self, place: Place):
        hand = await place.notebook("first")
        await hand.run("x = 2")
        await hand.run("1 / 0")
        await hand("add_markdown", content="so far")
        await hand.run("x * 21")
        path = (await hand("list_sessions"))["sessions"][0]["notebook_path"]
        again = place.practice()
        assert "is open in session" in await again.fault(
            "start_session_resume_notebook", notebook_path=path
        )
        await hand("shutdown_session")
        started = await again("start_session_resume_notebook", notebook_path=path)
        assert started["notebook_path"] == path
        assert started["restoration_summary"] == "Restored 2 of 3 code cells; 1 failed"
        (error,) = started["restoration_errors"]
        assert (error["cell"], error["error"]) == (1, "ZeroDivisionError: division by zero")
        again.session_id = started["session_id"]
        assert (await again.run("x"))["outputs"][0]["content"] == "2"
        cells = (await again("read_notebook"))["cells"]
        assert [c["source"] for c in cells] == ["x = 2", "1 / 0", "so far", "x * 21", "x"]
        assert cells[3]["outputs"][0]["content"] == "42"

    async def test_continue_works_on_a_copy(self, place: Place):
        hand = await place.notebook("first")
        await hand.run("x = 2")
        await hand("shutdown_session")
        (path,) = place.runs.glob("*/notebooks/*.ipynb")
        before = path.read_bytes()
        copy = place.practice()
        started = await copy("start_session_continue_notebook", notebook_path=path.name)
        assert started["notebook_path"].endswith("_first_continued.ipynb")
        copy.session_id = started["session_id"]
        assert await copy.text("print(x)") == "2\n"
        await copy("shutdown_session")
        assert path.read_bytes() == before

    async def test_the_record_of_an_attempt_is_copied_only(self, place: Place):
        hand = place.practice()
        path = (await hand.start(task="test/paper"))["notebook_path"]
        await hand("finish")
        other = place.practice()
        words = await other.fault("start_session_resume_notebook", notebook_path=path)
        assert "start_session_continue_notebook" in words
        copied = await other("start_session_continue_notebook", notebook_path=path)
        assert copied["status"] == "started"
