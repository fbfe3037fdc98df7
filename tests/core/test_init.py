"""`edm init`: a workspace in any git repository, on whose rules git and DVC agree."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from edm_core.actions.doctor_index import index_gaps
from edm_core.errors import WorkspaceError
from edm_core.init import init_workspace, settings_text
from edm_core.settings import Settings, load_settings
from tests.support.versioning import dvc, edm, git, make_repository


def test_every_key_of_the_settings_is_there_with_its_sentence_and_default(tmp_path: Path) -> None:
    text = settings_text()
    assert tomllib.loads(text) == {section: {} for section in tomllib.loads(text)}
    lines = text.splitlines()
    key = re.compile(r"# [a-z_]+ = ")
    uncommented = [line.removeprefix("# ") if key.match(line) else line for line in lines]
    (tmp_path / "edm.toml").write_text("\n".join(uncommented))
    assert load_settings(tmp_path, {}) == Settings()
    for number, line in enumerate(lines):
        if key.match(line):
            assert lines[number - 1].startswith("# "), f"{line} has no sentence"


def test_it_makes_a_workspace_stages_nothing_and_is_idempotent(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "project")
    (root / ".gitignore").write_text("*.pyc\n/outputs/**")
    (root / "mine.txt").write_text("staged\n")
    git(root, "add", "mine.txt")
    first = init_workspace(root, {})
    assert set(first.changed) == {"edm.toml", ".gitignore", ".dvc/config", ".dvc/.gitignore", ".dvcignore"}
    assert git(root, "diff", "--cached", "--name-only") == "mine.txt"
    assert (root / ".gitignore").read_text().startswith("*.pyc\n/outputs/**\n")
    assert first.warnings == ()
    before = (root / ".gitignore").read_text()
    second = init_workspace(root, {}, commit=True)
    assert second.changed == ()
    assert second.commit
    assert (root / ".gitignore").read_text() == before
    assert git(root, "diff", "--cached", "--name-only") == "mine.txt"
    assert init_workspace(root, {}, commit=True).commit == ""


def test_git_and_dvc_agree_on_a_kept_run(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "project")
    init_workspace(root, {})
    folder = root / "outputs" / "training" / "run1"
    folder.mkdir(parents=True)
    (folder / "a").write_text("a")
    dvc(root, "add", "-q", "outputs/training/run1")
    assert index_gaps(root) == []
    listed = git(root, "status", "--porcelain", "--untracked-files=all").splitlines()
    assert "?? outputs/training/run1.dvc" in listed
    assert "?? outputs/training/.gitignore" in listed
    assert not any("run1/a" in line for line in listed)


def test_rules_of_the_users_that_would_empty_dvcs_index_are_named(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "project")
    init_workspace(root, {})
    with (root / ".gitignore").open("a") as file:
        file.write("/outputs/training/*/\n")
    warnings = init_workspace(root, {}).warnings
    assert any("DVC reads .gitignore so that outputs/training/ is ignored" in text for text in warnings)
    with (root / ".gitignore").open("a") as file:
        file.write("*.dvc\n")
    assert any("by the rule .gitignore:" in text for text in init_workspace(root, {}).warnings)


def test_a_subfolder_of_a_repository_can_be_a_workspace(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "project")
    (root / "ml").mkdir()
    report = init_workspace(root / "ml", {}, commit=True)
    assert report.commit
    assert (root / "ml" / ".dvc").is_dir()
    assert "ml/edm.toml" in git(root, "ls-files").splitlines()
    assert git(root, "status", "--porcelain") == ""


def test_outside_of_git_it_says_git_init(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError) as error:
        init_workspace(tmp_path, {})
    assert error.value.hint == f"git init {tmp_path}"
    assert list(tmp_path.iterdir()) == []


def test_the_command_line(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "project")
    done = edm(root, "init", "--json")
    assert json.loads(done.stdout)["to_commit"]
    assert "nothing to change" in edm(root, "init").stdout
    failed = edm(tmp_path, "init", rc=1)
    assert "hint: git init" in failed.stderr
