"""Actions in child processes: what they say, how lanes wait, and that the child outlives whoever asked."""

import asyncio
import sys
from pathlib import Path

import pytest

from edm_core.errors import ActionError
from edm_core.settings import Settings
from edm_core.workspace import Workspace
from edm_tui.children import to_error, to_outcome, to_result
from edm_tui.services import Services


def speaking(folder: Path, script: str) -> Services:
    """Services whose `python -m edm_core.cli.main` is this script."""
    program = folder / "python"
    program.write_text(f"#!{sys.executable}\n{script}")
    program.chmod(0o755)
    return Services(Workspace(folder, Settings()), python=str(program))


async def test_an_outcome_comes_back_with_its_facts(tmp_path: Path) -> None:
    services = speaking(
        tmp_path, 'import sys, json\nprint(json.dumps({"title": " ".join(sys.argv[3:]), "stale": [], "x": 1}))'
    )
    outcome = await services.verb("keep", "a run")
    assert outcome.title == "keep a run --json"
    assert outcome.stale == ()
    assert outcome.data == {"x": 1}


async def test_an_error_comes_back_with_its_hint(tmp_path: Path) -> None:
    services = speaking(tmp_path, 'import sys\nprint("error: no such run\\nhint: look", file=sys.stderr)\nsys.exit(1)')
    with pytest.raises(ActionError) as caught:
        await services.verb("keep", "x")
    assert (caught.value.message, caught.value.hint) == ("no such run", "look")


async def test_actions_of_one_lane_wait_and_other_lanes_do_not(tmp_path: Path) -> None:
    script = (
        "import json, pathlib, sys, time\n"
        "name = sys.argv[3]\n"
        "with open('log', 'a') as log: log.write(f'begin {name}\\n')\n"
        "while name == 'first' and not pathlib.Path('go').exists(): time.sleep(0.01)\n"
        "with open('log', 'a') as log: log.write(f'end {name}\\n')\n"
        "print(json.dumps({'title': name}))\n"
    )
    services = speaking(tmp_path, script)
    first = asyncio.create_task(services.verb("first", lane="data"))
    while not (tmp_path / "log").exists():
        await asyncio.sleep(0.01)
    second = asyncio.create_task(services.verb("second", lane="data"))
    await services.verb("other", lane="registry")
    assert services.running == ["first", "second"]
    assert "second" not in (tmp_path / "log").read_text()
    (tmp_path / "go").touch()
    await asyncio.gather(first, second)
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines.index("end first") < lines.index("begin second")
    assert services.running == []


async def test_the_child_has_a_session_of_its_own_and_writes_to_no_pipe(tmp_path: Path) -> None:
    script = (
        "import json, os, stat\n"
        "kinds = [stat.S_ISREG(os.fstat(n).st_mode) for n in (1, 2)]\n"
        "print(json.dumps({'title': '', 'leader': os.getsid(0) == os.getpid(), 'files': kinds}))\n"
    )
    outcome = await speaking(tmp_path, script).verb("keep")
    assert outcome.data == {"leader": True, "files": [True, True]}


def test_a_batch_that_failed_in_part_is_a_warning() -> None:
    raw = b'{"title": "1 of 2 runs done", "runs": [{}], "errors": [{"run": "b", "message": "is running"}]}'
    outcome = to_outcome(to_result(("keep", "a", "b"), 1, raw, ""), "Keep")
    assert (outcome.level, outcome.detail) == ("warning", "b: is running")


@pytest.mark.parametrize(
    ("status", "told", "message"),
    [
        (1, "busy\nerror: first\nhint: no\nerror: second", "second"),
        (2, "Usage: edm keep\nError: Missing argument", "Missing argument"),
        (-9, "", "`edm keep` was ended by signal 9"),
        (3, "Traceback\nValueError: odd", "`edm keep` ended with status 3: ValueError: odd"),
    ],
)
def test_what_a_child_tells_becomes_a_message(status: int, told: str, message: str) -> None:
    assert to_error(("keep",), status, told).message == message


def test_a_verb_that_says_nothing_is_an_error() -> None:
    with pytest.raises(ActionError, match="did not say what it did"):
        to_result(("keep",), 0, b"", "")
