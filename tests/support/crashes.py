"""Killing verbs at seeded moments, and looking whether everything is still there afterwards."""

import hashlib
import json
import random
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from edm_core.actions.discard import discard
from edm_core.actions.doctor import examine
from edm_core.actions.gc import collect, plan_gc
from edm_core.actions.keep import keep
from edm_core.actions.pull import pull
from edm_core.actions.push import push
from edm_core.actions.undo import undo
from edm_core.actions.versions import restore_version, versions_of
from edm_core.errors import ActionError
from edm_core.journal import Journal
from edm_core.snapshots.runs import DataState
from edm_core.stores.data_states import data_states
from edm_core.stores.dvc_pointer import cached_files, read_pointer
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.runs import find_run
from edm_core.workspace import Workspace, find_workspace
from tests.support.versioning import MadeRun, contents, dvc, git, make_run, plain_env

CHILD = Path(__file__).with_name("crash_child.py")
Contents = dict[str, bytes]


@dataclass
class Figures:
    """What the kills met."""

    killed: Counter[str] = field(default_factory=Counter)
    completed: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        verbs = ", ".join(f"{verb} {count}" for verb, count in sorted(self.killed.items()))
        return (
            f"{sum(self.killed.values())} kills ({verbs}); {sum(self.completed.values())} came too late; "
            f"mended: {dict(self.mended)}; nothing lost"
        )


class World:
    """A workspace with a remote and a teammate's clone, the verbs that can be killed, and what must never be lost."""

    def __init__(self, workspace: Workspace, mate: Path, seed: int) -> None:
        self.workspace, self.mate_root = workspace, mate
        self.random = random.Random(seed)
        self.figures = Figures()
        self.runs: dict[str, MadeRun] = {}
        self.versions: list[Contents] = []
        self.moments: dict[str, list[int]] = {}
        """Verb → how many changes it makes and processes it starts, as far as a run to its end has told."""
        self.number = 0

    @property
    def root(self) -> Path:
        return self.workspace.root

    def step(self) -> None:
        """Kill one verb, mend, look, do the verb again, look again."""
        verb, argv, root = self._choose()
        killed = self._run_killed(verb, argv, root)
        (self.figures.killed if killed else self.figures.completed)[verb] += 1
        workspace = find_workspace(root, {})
        if killed and self.random.random() < 0.6:
            report = examine(workspace, fix=True)
            for finding in report.findings:
                if finding.mended:
                    self.figures.mended[finding.check] += 1
            assert not report.sick, report
            self.check_whole()
        if killed:
            self._again(verb, argv, workspace)
            report = examine(workspace, fix=True)
            assert not report.sick, report
        self.check_whole()

    def _choose(self) -> tuple[str, list[str], Path]:
        """A verb that can be done now, and its command line."""
        kept = [name for name in self.runs if (self.root / f"outputs/training/{name}.dvc").exists()]
        here = [name for name, run in self.runs.items() if run.folder.is_dir()]
        loose = [name for name in here if name not in kept]
        options = ["keep", "discard", "push", "gc"]
        options += ["keep again", "restore"] * bool(set(kept) & set(here))
        options += ["undo"] * bool(Journal(self.workspace).last_undoable()) + ["pull"] * bool(kept)
        verb = self.random.choice(options)
        if verb == "keep":
            name = self.random.choice(loose) if loose else self._new_run()
            return verb, ["keep", name], self.root
        if verb == "keep again":
            name = self.random.choice(sorted(set(kept) & set(here)))
            self.number += 1
            (self.runs[name].folder / "logs" / f"later.{self.number}").write_bytes(f"{self.number}".encode() * 3000)
            self.versions.append(contents(self.runs[name].folder))
            return verb, ["keep", name], self.root
        if verb == "discard":
            return verb, ["discard", self.random.choice(loose) if loose else self._new_run()], self.root
        if verb == "gc":
            # What a keep that was changed back had put into the cache is still in its folder.
            forget = [word for name in (*self.runs, "unknown") for word in ("--forget", name)]
            return verb, ["storage", "gc", "--yes", *forget], self.root
        if verb == "restore":
            name = self.random.choice(sorted(set(kept) & set(here)))
            if data_states(self.workspace)[name] is DataState.CHANGED:
                keep(self.workspace, find_run(self.workspace, name))
            versions = versions_of(self.workspace, find_run(self.workspace, name))
            return verb, ["runs", "versions", name, "--restore", self.random.choice(versions).hash], self.root
        if verb == "pull":
            push(self.workspace)
            return verb, ["pull", "--all"], self.mate_root
        return verb, [verb], self.root

    def _new_run(self) -> str:
        self.number += 1
        name = f"run_{self.number:03}"
        run = make_run(self.workspace, name, seed=self.number)
        # Without this tag it is a foreign run: its checkpoint is not loaded, which saves the import of torch.
        mlflow_client(self.workspace).delete_tag(run.run_id, "edm.run_dir")
        (run.folder / "checkpoints" / "epoch_1.pt").write_bytes(f"epoch {self.number}".encode() * 500)
        self.runs[name] = run
        self.versions.append(contents(run.folder))
        return name

    def _run_killed(self, verb: str, argv: list[str], root: Path) -> bool:
        """Run the verb in a process group of its own that dies at a random moment; whether it died."""
        events, children = self.moments.get(verb, [24, 12])
        if self.random.random() < 0.5:
            mode = f"event:{self.random.randint(1, events)}"
        else:
            mode = f"child:{self.random.randint(1, children)}:{self.random.choice((0, 1, 3, 10, 40, 200, 500, 900))}"
        done = subprocess.run(
            [sys.executable, str(CHILD), mode, *argv], cwd=root, capture_output=True, text=True, check=False,
            start_new_session=True, env=plain_env(),
        )  # fmt: skip
        if done.returncode == -9:
            return True
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        told = [int(word) for word in done.stderr.rsplit("\nmoments ", 1)[1].split()]
        self.moments[verb] = [max(pair) for pair in zip(told, self.moments.get(verb, told), strict=True)]
        return False

    def _again(self, verb: str, argv: list[str], workspace: Workspace) -> None:
        """The verb once more, in this process; what was finished by the mend may have nothing left to do."""
        try:
            if verb.startswith("keep"):
                keep(workspace, find_run(workspace, argv[1]))
            elif verb == "discard":
                discard(workspace, find_run(workspace, argv[1]))
            elif verb == "undo":
                undo(workspace)
            elif verb == "push":
                push(workspace)
            elif verb == "restore":
                restore_version(workspace, find_run(workspace, argv[2]), argv[4])
            elif verb == "gc":
                collect(workspace, plan_gc(workspace), argv[4::2])
            else:
                pull(workspace, lambda: None)
        except ActionError as error:
            expected = ("in the trash already", "nothing to undo", "was changed since", "what was not kept")
            if not any(words in error.message for words in expected):
                raise

    def check_whole(self) -> None:
        """Every byte is reachable, git and DVC are clean, MLflow agrees, and nothing is unfinished."""
        assert Journal(self.workspace).unfinished() == []
        self._check_bytes()
        self._check_git()
        self._check_mlflow()

    def _check_bytes(self) -> None:
        here = {hashlib.md5(data).hexdigest() for data in contents(self.workspace.runs_dir).values()}
        here |= {hashlib.md5(data).hexdigest() for data in contents(self.workspace.trash_dir).values()}
        here |= self._in_cache_by_history()
        for version in self.versions:
            for name, data in version.items():
                assert hashlib.md5(data).hexdigest() in here, f"{name} is lost"

    def _in_cache_by_history(self) -> set[str]:
        """Hashes of objects that pointers in any commit name; each must be in the cache, with the right content."""
        found: set[str] = set()
        listed = git(self.root, "log", "--format=%H", "--name-only", "--diff-filter=AM", "--", "outputs").split("\n\n")
        commit = ""
        for line in "\n".join(listed).splitlines():
            if len(line) == 40 and "/" not in line:
                commit = line
            elif line.endswith(".dvc"):
                text = git(self.root, "show", f"{commit}:{line}")
                files = cached_files(self.root, _hash(text))
                assert files is not None, f"{line} at {commit}: its list is not in the cache"
                for md5 in files.values():
                    path = self.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
                    assert hashlib.md5(path.read_bytes()).hexdigest() == md5
                    found.add(md5)
        return found

    def _check_git(self) -> None:
        for root in (self.root, self.mate_root):
            assert git(root, "status", "--porcelain") == ""
            assert list((root / ".git").glob("**/*.lock")) == []
        for path in self.workspace.runs_dir.glob("*.dvc"):
            read_pointer(path)
        differing = {Path(stage).stem for stage in json.loads(dvc(self.root, "status", "--json") or "{}")}
        changed = {name for name, state in data_states(self.workspace).items() if state is DataState.CHANGED}
        # A keep again that was changed back leaves a folder that differs from its pointer; nothing else may.
        assert differing <= changed

    def _check_mlflow(self) -> None:
        client = mlflow_client(self.workspace)
        for run in self.runs.values():
            stored = client.get_run(run.run_id)
            trashed = any(path.is_dir() for path in self.workspace.trash_dir.glob(f"*-{run.name}*/folder"))
            assert (stored.info.lifecycle_stage == "deleted") == trashed
            assert trashed != run.folder.is_dir()
            pointer = self.root / f"outputs/training/{run.name}.dvc"
            kept = read_pointer(pointer).hash if pointer.exists() else None
            assert stored.data.tags.get("edm.kept") == kept

    def check_pushed(self) -> None:
        """What any commit on git's remote names is on DVC's remote: a teammate never sees a pointer without data."""
        remote = self.root.parent / "remote" / "files" / "md5"
        for commit in git(self.root, "rev-list", "origin/main").split():
            for name in git(self.root, "ls-tree", "-r", "--name-only", commit).splitlines():
                if name.endswith(".dvc"):
                    dvc_hash = _hash(git(self.root, "show", f"{commit}:{name}"))
                    wanted = [dvc_hash, *(cached_files(self.root, dvc_hash) or {}).values()]
                    assert all((remote / md5[:2] / md5[2:]).exists() for md5 in wanted), f"{name} at {commit}"


def _hash(text: str) -> str:
    return next(line.split()[-1] for line in text.splitlines() if "md5:" in line)


def kill_verbs(workspace: Workspace, seed: int, kills: int) -> Figures:
    """Kill verbs until `kills` of them have died. Raises AssertionError when anything is lost or left half done."""
    mate = workspace.root.parent / "mate"
    git(workspace.root.parent, "clone", "-q", "origin.git", "mate")
    world = World(workspace, mate, seed)
    while sum(world.figures.killed.values()) < kills:
        world.step()
        world.check_pushed()
    return world.figures
