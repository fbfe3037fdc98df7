"""The documentation is true: links exist, commands exist, it is as short as it says."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES)
def test_local_links_exist(page: str) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", (ROOT / page).read_text()):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (ROOT / target).exists(), target


def test_make_targets_in_the_pages_exist() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for page in PAGES:
        for target in re.findall(r"(?:^ *|`)make ([a-z]+)\b", (ROOT / page).read_text(), re.MULTILINE):
            assert target in targets, f"{page}: make {target}"


def test_commands_in_the_readme_exist() -> None:
    """Every `edm …` line of a code block names a command, and every option in it is one of that command's."""
    blocks = re.findall(r"^(?:    |\t)\$? ?(edm [^#\n]*)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert blocks
    for line in blocks:
        words = shlex.split(line.split("&&")[0])[1:]
        path: list[str] = []
        for word in words:
            if word.startswith("-") or not re.fullmatch(r"[a-z-]+", word) or len(path) == 2:
                break
            path.append(word)
        help_text = _help(path)
        for option in (w.split("=")[0] for w in words if w.startswith("--") and w != "--"):
            assert option in help_text, f"{line}: {option}"


def _help(path: list[str]) -> str:
    for depth in (len(path), 1):
        done = subprocess.run(
            [sys.executable, "-m", "edm_core.cli.main", *path[:depth], "--help"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return done.stdout
    raise AssertionError(f"no command: edm {' '.join(path)}: {done.stderr}")
