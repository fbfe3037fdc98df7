"""DVC's configuration, read without DVC: the system's, the user's, the repository's, the local one; the last wins."""

import hashlib
import os
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import platformdirs

# What says where a remote is; the other options say how one gets in.
_PLACE = ("url", "endpointurl", "port", "user", "region", "account_name", "connection_string", "repo", "version_aware")


@dataclass(frozen=True, slots=True)
class DvcConfig:
    """Section (`core`, `remote "nas"`) → option → value. `folder` is the `.dvc` that governs; None without DVC."""

    folder: Path | None
    sections: Mapping[str, Mapping[str, str]]

    def get(self, section: str, option: str) -> str:
        return self.sections.get(section, {}).get(option, "")

    def remotes(self) -> dict[str, str]:
        """Name → address of every remote."""
        names = [name[8:-1] for name in self.sections if name.startswith('remote "') and name.endswith('"')]
        return {name: url for name in names if (url := self.get(f'remote "{name}"', "url"))}

    def place(self, remote: str) -> str:
        """Names where this remote is, so that another address under the same name is another place; "" without one."""
        described = self._described(remote)
        return hashlib.sha256("\n".join(described).encode()).hexdigest()[:16] if described else ""

    def _described(self, remote: str, depth: int = 0) -> list[str]:
        options = self.sections.get(f'remote "{remote}"', {})
        address = options.get("url", "")
        if not address or depth > 5:
            return []
        said = [f"{key}={options[key]}" for key in _PLACE[1:] if key in options]
        if address.startswith("remote://"):
            other, _, rest = address.removeprefix("remote://").partition("/")
            return [*self._described(other, depth + 1), rest, *said]
        if "://" not in address and self.folder is not None:
            address = os.path.realpath(self.folder / address)
        return [f"url={address}", *said]


def dvc_folder(root: Path) -> Path | None:
    """The `.dvc` folder that governs `root`: its own or that of a folder above."""
    return next((path for path in (folder / ".dvc" for folder in (root, *root.parents)) if path.is_dir()), None)


def dvc_config(root: Path) -> DvcConfig:
    """As DVC would read it in `root`; a file that cannot be read counts as empty, for doctor and DVC to complain of."""
    folder = dvc_folder(root)
    files = [
        Path(os.environ.get("DVC_SYSTEM_CONFIG_DIR") or platformdirs.site_config_dir("dvc", "iterative")) / "config",
        Path(os.environ.get("DVC_GLOBAL_CONFIG_DIR") or platformdirs.user_config_dir("dvc", "iterative")) / "config",
        *([folder / "config", folder / "config.local"] if folder is not None else []),
    ]
    return _merged(folder, tuple((str(path), _stamp(path)) for path in files))


@lru_cache(maxsize=64)
def _merged(folder: Path | None, files: tuple[tuple[str, tuple[int, int]], ...]) -> DvcConfig:
    sections: dict[str, dict[str, str]] = {}
    for name, stamp in files:
        for section, options in (_parsed(Path(name)) if stamp != (0, 0) else {}).items():
            sections.setdefault(section, {}).update(options)
    return DvcConfig(folder, sections)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _parsed(path: Path) -> dict[str, dict[str, str]]:
    """One file. The format is git's, quotes apart: `['remote "nas"']`."""
    parser = ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ConfigError):
        return {}
    return {name.strip("'"): {key: _unquoted(value) for key, value in parser.items(name)} for name in parser.sections()}


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
