"""The code that travels with a version: all that it needs of ours, under a name of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from edm_core.actions.model_code import freeze_code, importable, requirements
from edm_core.errors import ActionError

_IMPORT = """
import importlib.abc, importlib, sys
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] == "edm_core":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
sys.path.insert(0, sys.argv[1])
print(importlib.import_module(sys.argv[2]).__name__)
"""


def test_modules_that_import_each_other_come_along(tmp_path: Path) -> None:
    name = freeze_code("edm_core.data.annotations", tmp_path)
    package = name.split(".")[0]
    assert package.startswith("edm_model_")
    copied = {path.relative_to(tmp_path / package).as_posix() for path in tmp_path.rglob("*.py")}
    assert {"data/annotations.py", "data/model.py", "errors.py", "data/__init__.py", "__init__.py"} <= copied
    assert "registry.py" not in copied
    done = subprocess.run(
        [sys.executable, "-I", "-c", _IMPORT, str(tmp_path), name], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == name, done.stderr


def test_the_name_follows_the_code(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "c").mkdir()
    first, again = freeze_code("edm_core.naming", tmp_path / "a"), freeze_code("edm_core.naming", tmp_path / "b")
    assert first == again
    assert first.split(".")[0] != freeze_code("edm_core.files", tmp_path / "c").split(".")[0]


def test_requirements_are_what_the_code_imports_and_no_more(tmp_path: Path) -> None:
    package = tmp_path / "theirs"
    package.mkdir()
    (package / "__init__.py").write_text("import os, yaml\nfrom theirs.inner import x\n")
    (package / "inner.py").write_text("import not_installed_anywhere\nx = 1\n")
    found = requirements([package])
    assert [line.split("==")[0].lower() for line in found] == ["pyyaml", "numpy", "torch"]
    assert all("==" in line and "+" not in line for line in found)


def test_what_was_imported_for_a_while_is_gone_afterwards(tmp_path: Path) -> None:
    name = freeze_code("edm_core.naming", tmp_path)
    with importable(tmp_path, name) as module:
        assert module.MAX_LENGTH == 100
    assert name not in sys.modules
    assert str(tmp_path) not in sys.path
    with pytest.raises(ActionError, match="no_such_module"), importable(tmp_path, "no_such_module"):
        pass
