"""Every command explains itself, and asking for help costs nothing heavy."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from edm_core.cli.main import COMMANDS, edm

HEAVY = ("mlflow", "dvc", "torch", "pandas", "lightning_fabric", "tensorboard", "textual", "numpy")


def commands(group: click.Group = edm, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def test_every_command_has_help_with_an_example() -> None:
    for path, command in commands():
        assert command.help, path
        if not isinstance(command, click.Group):
            assert f"edm {' '.join(path)}" in command.help, f"no example in the help of {' '.join(path)}"


def test_every_command_that_returns_can_speak_json() -> None:
    follows_or_asks = {("runs", "tail"), ("jobs", "attach")}
    for path, command in commands():
        # Hidden ones are called by edm on another machine, and speak to it alone.
        if not isinstance(command, click.Group) and path not in follows_or_asks and not command.hidden:
            assert any("--json" in parameter.opts for parameter in command.params), path


def test_the_first_line_in_the_list_is_the_help_s() -> None:
    context = click.Context(edm)
    for name, (_, _, line) in COMMANDS.items():
        command = edm.get_command(context, name)
        assert command is not None
        assert line.endswith(".")


@pytest.mark.parametrize("argv", [["--help"], ["runs", "--help"], ["train", "--help"], ["keep", "--help"]])
def test_help_imports_nothing_heavy(argv: list[str]) -> None:
    code = (
        "import sys\n"
        "from edm_core.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        f"finally: print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]"
