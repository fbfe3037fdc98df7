"""The code that travels with a model version, so that it loads where this package is not installed.

Our own modules are copied under a package name made from their content (`edm_model_<hash>`). A copy under
`edm_core` would hide the installed package from whoever loads a version before importing it, and of two versions
with different code only the first would get its own.
"""

import ast
import hashlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import ModuleType

from edm_core.errors import ActionError

_OURS = "edm_core"


def freeze_code(module: str, folder: Path) -> str:
    """Copy `module` of ours and all of ours that it imports into `folder`; return the copied module's name."""
    sources = dict(_closure(module))
    digest = hashlib.sha256("\0".join(f"{name}\0{text}" for name, text in sorted(sources.items())).encode())
    package = f"edm_model_{digest.hexdigest()[:12]}"
    for name, text in sources.items():
        path = folder / Path(*_renamed(name, package).split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_rename_imports(text, package), encoding="utf-8")
        for parent in path.parents:
            if parent == folder:
                break
            (parent / "__init__.py").touch()
    return _renamed(module, package)


def _renamed(name: str, package: str) -> str:
    return package + name.removeprefix(_OURS)


def _rename_imports(text: str, package: str) -> str:
    return re.sub(rf"^(\s*(?:from|import)\s+){_OURS}\b", rf"\g<1>{package}", text, flags=re.MULTILINE)


def _closure(module: str) -> Iterator[tuple[str, str]]:
    waiting, seen = [module], {module}
    while waiting:
        name = waiting.pop()
        path = _source(name)
        if path is None:
            raise ActionError(f"the code of {name} is not there as a file", "Install edm-tui from its sources.")
        text = path.read_text(encoding="utf-8")
        yield name, text
        for imported in _imports(text):
            if imported.split(".")[0] == _OURS and imported not in seen and _is_module(imported):
                seen.add(imported)
                waiting.append(imported)


def _is_module(name: str) -> bool:
    """Whether a dotted name is a module file: packages are left empty, other names are what a module defines."""
    path = _source(name)
    return path is not None and path.name != "__init__.py"


def _source(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ModuleNotFoundError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


def _imports(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def requirements(code: Sequence[Path]) -> tuple[str, ...]:
    """`name==version` of each distribution that the files and packages of `code` import, and torch and NumPy.

    Given to MLflow as they are: its own inference runs the model in another process for three seconds.
    """
    files = [file for path in code for file in (path.rglob("*.py") if path.is_dir() else [path])]
    wanted = {"torch", "numpy"}
    for file in files:
        wanted |= {name.split(".")[0] for name in _imports(file.read_text(encoding="utf-8"))}
    own = {path.stem for path in code} | set(sys.stdlib_module_names)
    known = packages_distributions()
    names = {known[name][0] for name in wanted - own if name in known}
    # A local label such as +cpu names a build that the package index does not have.
    return tuple(sorted(f"{name}=={version(name).split('+')[0]}" for name in names))


@contextmanager
def importable(folder: Path, name: str) -> Iterator[ModuleType]:
    """The module `name` imported from `folder`, for the time of the block.

    Raises ActionError when it cannot be imported.
    """
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module(name)
    except ImportError as error:
        raise ActionError(
            f"{name} cannot be imported: {error}", "Check the module's name and what it imports."
        ) from error
    finally:
        sys.path.remove(str(folder))
        top = name.split(".")[0]
        for loaded in set(sys.modules) - before:
            if loaded.split(".")[0] == top:
                del sys.modules[loaded]
