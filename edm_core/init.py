"""`edm init`: what makes a git repository a workspace. Run twice, it changes nothing."""

import ast
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from edm_core import settings as settings_module
from edm_core.actions.doctor_index import ignored_by_dvc
from edm_core.dvcrepo import DvcRepo
from edm_core.errors import ActionError, WorkspaceError
from edm_core.files import write_atomic
from edm_core.gitrepo import GitRepo, git_of
from edm_core.lock import Say, quiet
from edm_core.settings import FILE_NAME, Settings, load_settings
from edm_core.workspace import Workspace

BLOCK_TITLE = "# Run folders, data and MLflow's files: rules on which git and DVC agree (edm init)."


@dataclass(frozen=True, slots=True)
class InitReport:
    """What init did: files made or changed (relative to the workspace), the commit if asked for, and what to mind."""

    root: str
    changed: tuple[str, ...]
    to_commit: tuple[str, ...]
    commit: str = ""
    warnings: tuple[str, ...] = ()


def init_workspace(folder: Path, env: Mapping[str, str], *, commit: bool = False, say: Say = quiet) -> InitReport:
    """Make `folder` (in a git repository) a workspace: edm.toml, rules in .gitignore, DVC.

    Nothing is staged unless `commit` is asked for; then exactly these files are committed.
    Raises WorkspaceError outside of a git repository, SettingsError when an edm.toml that is there is at fault.
    """
    root = folder.resolve()
    if not root.is_dir():
        raise WorkspaceError(f"{folder} is not a folder", f"mkdir -p {folder}")
    git = GitRepo(root, root / ".edm" / "commands.jsonl")
    top = git.top()
    if top is None:
        raise WorkspaceError(f"{root} is in no git repository", f"git init {root}")
    workspace = Workspace(root, load_settings(root, env))
    changed = [name for name, done in (
        (FILE_NAME, _write_settings(root)), (".gitignore", write_rules(workspace)),
    ) if done]  # fmt: skip
    changed += _init_dvc(workspace, top, say)
    to_commit = _uncommitted(git, [FILE_NAME, ".gitignore", ".dvcignore", ".dvc/.gitignore", ".dvc/config"])
    warnings = rule_faults(workspace)
    sha = ""
    if commit and to_commit:
        git.check_can_commit()
        sha = git.commit_only(to_commit, "Make this repository an edm workspace")
        to_commit = []
    return InitReport(str(root), tuple(changed), tuple(to_commit), sha, tuple(warnings))


def settings_text() -> str:
    """edm.toml with every section and key, commented out, each under its sentence from settings.py."""
    docs = _sentences()
    lines = [
        "# Settings of this workspace. Every key has a default, shown here; remove the # before those to change.",
        "",
    ]
    defaults = Settings()
    for section in fields(Settings):
        lines.append(f"[{section.name}]")
        values = getattr(defaults, section.name)
        for key in fields(values):
            sentence = docs.get((type(values).__name__, key.name), "")
            lines += [f"# {line}" for line in sentence.splitlines() if line.strip()]
            lines.append(f"# {key.name} = {_toml(getattr(values, key.name))}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _sentences() -> dict[tuple[str, str], str]:
    """(class, field) → the sentence under the field, read from the source: Python keeps no docstring of a field."""
    found: dict[tuple[str, str], str] = {}
    classes = [node for node in ast.parse(inspect.getsource(settings_module)).body if isinstance(node, ast.ClassDef)]
    for node in classes:
        for first, second in zip(node.body, node.body[1:], strict=False):
            if isinstance(first, ast.AnnAssign) and isinstance(first.target, ast.Name) and isinstance(second, ast.Expr):
                value = second.value
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    found[(node.name, first.target.id)] = inspect.cleandoc(value.value)
    return found


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }" if value else "{}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _write_settings(root: Path) -> bool:
    path = root / FILE_NAME
    if path.exists():
        return False
    write_atomic(path, settings_text())
    return True


def rules(runs_dir: str) -> list[str]:
    """The lines of .gitignore on which git and DVC's ignore engine agree (others silently empty DVC's index)."""
    top = Path(runs_dir).parts[0]
    return [
        f"/{top}/**", f"!/{top}/**/", f"!/{top}/**/*.dvc", f"!/{top}/**/.gitignore",
        "/data/", "/mlflow.db*", "/mlartifacts/", "/mlruns/", "/.edm/",
    ]  # fmt: skip


def write_rules(workspace: Workspace) -> bool:
    """Append those rules that are not there yet, in order; the user's lines stay as they are."""
    path = workspace.root / ".gitignore"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    there = {line.strip() for line in before.splitlines()}
    wanted = rules(workspace.settings.runs.dir)
    outputs, rest = wanted[:4], wanted[4:]
    # The first four work only together and in this order, so they are written as one.
    missing = ([] if _in_order(outputs, before) else outputs) + [line for line in rest if line not in there]
    if not missing:
        return False
    gap = "" if not before or before.endswith("\n\n") else ("\n" if before.endswith("\n") else "\n\n")
    title = [] if BLOCK_TITLE in before else [BLOCK_TITLE]
    write_atomic(path, before + gap + "\n".join([*title, *missing]) + "\n")
    return True


def _in_order(wanted: list[str], text: str) -> bool:
    there = [line.strip() for line in text.splitlines() if line.strip() in wanted]
    return there[-len(wanted) :] == wanted


def _init_dvc(workspace: Workspace, top: Path, say: Say) -> list[str]:
    dvc = DvcRepo(workspace)
    found = dvc.folder()
    if found is not None and top in (found.parent, *found.parent.parents):
        return []
    say("dvc init")
    git = git_of(workspace)
    names = [".dvc/config", ".dvc/.gitignore", ".dvcignore"]
    before = {name: git.index_entry(name) for name in names}
    dvc.must("init", *([] if top == workspace.root else ["--subdir"]))
    # `dvc init` stages its files; nothing is staged here that the user did not ask for.
    git.restore_index(before)
    return [name for name in names if (workspace.root / name).exists()]


def _uncommitted(git: GitRepo, names: list[str]) -> list[str]:
    there = [name for name in names if (git.root / name).exists()]
    listed = git.answer("status", "--porcelain", "--untracked-files=all", "--no-renames", "-z", "--", *there)
    prefix = git.answer("rev-parse", "--show-prefix")
    return [line[3:].removeprefix(prefix) for line in listed.split("\0") if line]


def rule_faults(workspace: Workspace) -> list[str]:
    """Where the rules in .gitignore would hide pointers from git, or from DVC, whose reading of them differs."""
    runs = workspace.settings.runs.dir.rstrip("/")
    git = git_of(workspace)
    faults = []
    for path in (f"{runs}/a_run.dvc", f"{runs}/.gitignore", "data.dvc"):
        rule = git.ignored(path)
        if rule:
            faults.append(f"git ignores {path} by the rule {rule}: kept runs could not be committed")
    for path in (f"{runs}/", f"{runs}/a_run.dvc", "data.dvc"):
        if ignored_by_dvc(workspace.root, path):
            faults.append(
                f"DVC reads .gitignore so that {path} is ignored: kept runs would fall out of its index, "
                "and `dvc gc` would delete their data"
            )
    if not git.ignored(f"{runs}/a_run/config.yaml"):
        faults.append(f"git does not ignore the run folders in {runs}/: a rule after the block takes them in again")
    return faults


def require_rules(workspace: Workspace, pointer: str) -> None:
    """Raise ActionError when git would not commit this pointer because a rule ignores it."""
    rule = git_of(workspace).ignored(pointer)
    if rule:
        raise ActionError(
            f"git ignores {pointer} by the rule {rule}",
            "Take the rule away, or run `edm init`, which says what is wrong.",
        )
