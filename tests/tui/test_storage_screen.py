"""The Storage screen on a real workspace: the answer, one key that makes it a yes, trash and gc after a dry run."""

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from edm_core.actions.discard import discard
from edm_core.actions.keep import keep
from edm_core.actions.trash import Slot, slots
from edm_core.snapshots.storage import LocalCommit, OnlyHere, Safety, Shared, Size
from edm_core.stores.dvc_pointer import cache_root
from edm_core.stores.runs import find_run, load_runs
from edm_core.workspace import Workspace
from edm_tui.app import EdmApp
from edm_tui.dialogs.by_name import ByNameDialog
from edm_tui.dialogs.confirm import ConfirmDialog
from edm_tui.dialogs.menu import MenuDialog
from edm_tui.screens.storage import StorageScreen
from edm_tui.screens.storage_asks import collect_lines, purge_lines
from edm_tui.screens.storage_lines import StorageFacts, answer, storage_lines
from tests.support.loop_watch import watch_loop
from tests.support.versioning import git, make_run, new_workspace

NOW = 1_000_000.0
UNSAFE = Safety(
    (OnlyHere("mert95m_baseline", 1_800_000_000, "not seen on the remote"), OnlyHere("data", 77_000_000, "not seen")),
    (LocalCommit("3f2a91c" * 5, "Keep run \x1b[31mmert", NOW - 7200, "main"),), 1, rate=1e8, remote="nas",
)  # fmt: skip


def said(facts: StorageFacts, width: int) -> str:
    header, lines = storage_lines(facts, NOW, width)
    return "\n".join([header.plain, *(line.text.plain for line in lines)])


def test_the_answer_counts_what_is_only_here() -> None:
    wide = answer(UNSAFE, 200).plain
    assert "NO: 1 kept run and the data set (1.9 GB, about 18s) and 1 commit are only here      P push all" in wide
    assert answer(Safety(commit_count=1), 200).plain.split("?")[1].strip().startswith("NO: 1 commit is only here")
    assert "YES" in answer(Safety(), 80).plain
    assert "looking" in answer(None, 80).plain


def test_sizes_fill_in_and_what_was_cut_short_says_so() -> None:
    assert "cache … · trash … · MLflow artifacts … · disk …" in said(StorageFacts(), 200)
    facts = StorageFacts(
        UNSAFE, {"cache": Size(38_000_000_000, 9, False), "trash": Size(6_200_000_000, 3)},
        (Shared(("one", "two"), 29_000_000, 3),),
        (Slot(Path("trash/x-lost"), "folder", "lost", "id", "outputs/training/lost", NOW - 8 * 86400, 10, 1),), 5,
        frozenset({"trash:x-lost"}),
    )  # fmt: skip
    text = said(facts, 200)
    assert "cache more than 38 GB (29 MB shared) · trash 6.2 GB (oldest 8d)" in text
    assert "one, two" in text
    assert "from outputs/training/lost" in text
    assert "\x1b" not in text
    narrow = storage_lines(facts, NOW, 60)[1]
    assert all(line.text.cell_len <= 60 for line in narrow)


def test_dry_runs_say_what_goes_and_whose_it_was() -> None:
    purge = purge_lines({
        "would_purge": [{"id": "a", "run": "lost", "bytes": 2_000_000}], "bytes": 3_000_000,
        "mlflow": [{"bytes": 1_000_000, "models": [["m-1", "x"]]}],
    })  # fmt: skip
    assert purge[0] == "lost  2.0 MB"
    assert "Frees 3.0 MB, 1.0 MB of it MLflow's artifacts and 1 logged model." in purge
    gone = collect_lines({
        "would_remove": [{"run": "one", "bytes": 5, "pushed": False}, {"run": "one", "bytes": 6, "pushed": False}]
    })  # fmt: skip
    assert gone[0] == "one  2 objects  11 B  ONLY HERE"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path, remote=True, git_remote=True)


async def settled(pilot: Pilot[None]) -> None:
    await pilot.pause()
    while any(worker.is_running for worker in pilot.app.workers):
        await pilot.pause(0.02)
    await pilot.pause()


def text_of(app: EdmApp) -> str:
    assert isinstance(app.screen, StorageScreen)
    return said(app.screen.facts, 150)


async def test_one_key_makes_it_safe_to_lose_this_machine(workspace: Workspace) -> None:
    make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    app = EdmApp(workspace, load_runs(workspace))
    async with app.run_test(size=(150, 40)) as pilot:
        await pilot.press("6")
        await settled(pilot)
        text = text_of(app)
        assert "NO: 1 kept run (" in text
        assert "and 1 commit are only here" in text
        assert "Keep run cnn" in text
        assert "…" not in text.splitlines()[1]
        await pilot.press("P")
        await settled(pilot)
        assert "YES" in text_of(app)
        assert isinstance(app.screen, StorageScreen)
        assert app.screen.reason("push") == "all of it is pushed"
    assert git(workspace.root, "rev-list", "--count", "HEAD", "--not", "--remotes") == "0"


async def test_push_asks_for_other_branches(workspace: Workspace) -> None:
    git(workspace.root, "switch", "-q", "-c", "idea")
    git(workspace.root, "commit", "-q", "--allow-empty", "-m", "An idea")
    git(workspace.root, "switch", "-q", "main")
    app = EdmApp(workspace, load_runs(workspace))
    async with app.run_test(size=(150, 40)) as pilot:
        await pilot.press("6")
        await settled(pilot)
        assert "on idea: P asks for it" in text_of(app)
        await pilot.press("P")
        while not isinstance(app.screen, MenuDialog):
            await pilot.pause(0.02)
        await pilot.press("a")
        await settled(pilot)
        assert "YES" in text_of(app)
    assert git(workspace.root, "rev-list", "--count", "--branches", "--not", "--remotes") == "0"


async def test_trash_is_restored_and_purged_after_a_dry_run(workspace: Workspace) -> None:
    for seed, name in enumerate(("back", "gone")):
        make_run(workspace, name, seed=seed)
        discard(workspace, find_run(workspace, name))
    app = EdmApp(workspace, load_runs(workspace))
    async with app.run_test(size=(150, 40)) as pilot:
        await pilot.press("6")
        await settled(pilot)
        screen = app.screen
        assert isinstance(screen, StorageScreen)
        screen.list.move_to(f"trash:{next(slot.id for slot in slots(workspace) if slot.run_name == 'back')}")
        await pilot.press("u")
        await settled(pilot)
        assert (workspace.runs_dir / "back").is_dir()
        assert [slot.run_name for slot in screen.facts.trash] == ["gone"]
        await pilot.press("X")
        while not isinstance(app.screen, MenuDialog):
            await pilot.pause(0.02)
        await pilot.press("a")
        while not isinstance(app.screen, ConfirmDialog):
            await pilot.pause(0.02)
        assert "gone  " in app.screen.text
        assert "no undo brings it back" in app.screen.text
        assert len(slots(workspace)) == 1
        await pilot.press("enter")
        await settled(pilot)
        assert slots(workspace) == []


async def test_gc_asks_by_name_for_what_is_on_no_remote(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    (run.folder / "config.yaml").write_text("second: 2\n")
    keep(workspace, find_run(workspace, "cnn"))
    git(workspace.root, "reset", "-q", "--soft", "HEAD~2")
    git(workspace.root, "commit", "-q", "-m", "Only the last version")
    git(workspace.root, "reflog", "expire", "--expire=now", "--all")
    objects = cache_root(workspace.root) / "files" / "md5"
    before = {path.name for path in objects.rglob("*") if path.is_file()}
    app = EdmApp(workspace, load_runs(workspace))
    async with app.run_test(size=(150, 40)) as pilot:
        await pilot.press("6")
        await settled(pilot)
        await pilot.press("C")
        while not isinstance(app.screen, ConfirmDialog):
            await pilot.pause(0.02)
        assert "cnn  " in app.screen.text
        assert "ONLY HERE" in app.screen.text
        await pilot.press("enter")
        while not isinstance(app.screen, ByNameDialog):
            await pilot.pause(0.02)
        await pilot.press(*"cn", "enter")
        assert isinstance(app.screen, ByNameDialog)
        app.screen.query_one(Input).value = ""
        await pilot.press(*"cnn", "enter")
        await settled(pilot)
    after = {path.name for path in objects.rglob("*") if path.is_file()}
    assert after < before


async def test_counting_never_holds_the_loop(workspace: Workspace) -> None:
    for folder in range(20):
        place = workspace.trash_dir / "many" / "folder" / str(folder)
        place.mkdir(parents=True)
        for number in range(300):
            (place / str(number)).touch()
    app = EdmApp(workspace, load_runs(workspace))
    async with app.run_test(size=(150, 40)) as pilot, watch_loop() as gaps:
        await pilot.press("6")
        await settled(pilot)
        assert isinstance(app.screen, StorageScreen)
        assert app.screen.facts.sizes["trash"].files == 6000
        # On a shared machine only the time that the loop's own thread worked is the program's doing.
        assert gaps.worst_busy < 0.1
