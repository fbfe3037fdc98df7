"""`edm`: the same verbs as the screen, for scripts. Each group of commands is imported when it is called."""

import errno
import importlib
import sys
from typing import Any

import click

from edm_core.errors import ActionError, EdmError

# Command → (module under edm_core.cli, attribute, one line for `edm --help`).
COMMANDS: dict[str, tuple[str, str, str]] = {
    "init": ("workspace", "init", "Make a workspace in this git repository."),
    "demo": ("demo", "demo", "Make a workspace with data and trained runs, and open it."),
    "doctor": ("doctor", "doctor", "Check the workspace, and mend what can be mended."),
    "data": ("data", "data", "Make, check and pull the data set."),
    "train": ("train", "train", "Train a model in the foreground."),
    "evaluate": ("train", "evaluate", "Score a run's best checkpoint track by track."),
    "experiments": ("runs", "experiments", "List MLflow's experiments."),
    "runs": ("runs", "runs", "List, show, compare, follow and stop runs."),
    "keep": ("versioning", "keep", "Keep runs: dvc add, git commit, MLflow tags."),
    "discard": ("versioning", "discard", "Move runs to the trash."),
    "undo": ("versioning", "undo", "Undo the last action."),
    "push": ("versioning", "push", "Push kept runs: DVC objects first, then git."),
    "pull": ("versioning", "pull", "Pull git, then the data of kept runs."),
    "storage": ("storage", "storage", "What the disk holds; the trash."),
    "remote": ("remote", "remote", "Add and check DVC remotes."),
    "models": ("models", "models", "List, register and promote model versions."),
    "jobs": ("jobs", "jobs", "Launch, list, attach to and stop jobs."),
    "sweep": ("sweep", "sweep", "Try many values of a training's fields."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"edm_core.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="edm-tui", prog_name="edm")
def edm() -> None:
    """The whole life of a training run, from the command line.

    \b
    For example:
      edm runs list --filter "metrics.val_loss < 0.03"
      edm keep cnn_lr1e-3 --push
    """


def main(argv: list[str] | None = None) -> Any:
    """Run one command and leave with its exit status: 0 done, 1 could not be done, 2 wrong usage, 130 interrupted."""
    try:
        status = edm.main(args=argv, prog_name="edm", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except EdmError as error:
        _show(error)
        sys.exit(1)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader (head, less) has gone: that is no error of ours, but Python must not flush into it at exit.
        sys.stdout = None
        sys.exit(1)
    except OSError as error:
        # A full disk or a folder without permission can meet any verb at any file.
        _show(_of_the_system(error))
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _of_the_system(error: OSError) -> EdmError:
    what = error.strerror or str(error) or type(error).__name__
    hints = {errno.ENOSPC: "Free some space (`edm storage status` tells what takes it) and run it again.",
             errno.EDQUOT: "Free some space (`edm storage status` tells what takes it) and run it again."}  # fmt: skip
    hint = hints.get(error.errno or 0, "Check the path and its permissions, and run it again.")
    return ActionError(f"{error.filename}: {what}" if error.filename else what, hint)


def _show(error: EdmError) -> None:
    """Error and hint on stderr; messages of git, DVC and MLflow quote whole addresses, so passwords are taken out."""
    from edm_core.cli.output import clean
    from edm_core.stores.redact import without_password

    click.echo(f"error: {clean(without_password(error.message))}", err=True)
    if error.hint:
        click.echo(f"hint: {clean(without_password(error.hint))}", err=True)


if __name__ == "__main__":
    main()
