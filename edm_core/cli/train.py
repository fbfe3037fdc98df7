"""`edm train` and `edm evaluate`."""

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edm_core.cli.output import INTERRUPTED, interactive, json_option, print_json, print_table, say
from edm_core.errors import RunNameError, TrainingError
from edm_core.training.config import OPTIONS, ConfigOption, TrainingConfig

if TYPE_CHECKING:
    from edm_core.training.trainer import FitResult

_KINDS: dict[str, type] = {"str": str, "int": int, "float": float}


def _checked(option: ConfigOption) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def check(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
        try:
            return option.check(value)
        except TrainingError as error:
            raise click.UsageError(error.message) from error

    return check


def _declaration(option: ConfigOption) -> Callable[[Any], Any]:
    """The click option for one row of the table."""
    if option.kind == "bool":
        flags = option.flag if option.name == "resume" else f"{option.flag}/--no-{option.flag[2:]}"
        return click.option(
            flags, option.name, is_flag=True, default=option.default, help=option.help, show_default=True
        )
    if option.choices:
        kind: Any = click.Choice(option.choices)
    else:
        kind = _KINDS[option.kind]
    return click.option(
        option.flag, option.name, type=kind, default=option.default, help=option.help,
        show_default=option.default != "", callback=_checked(option),
    )  # fmt: skip


def config_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Every option of TrainingConfig, in the order of its table."""
    for option in reversed(OPTIONS.values()):
        if option.flag:
            function = _declaration(option)(function)
    return function


@click.command()
@click.argument("annotations", type=click.Path(path_type=Path))
@config_options
@json_option
def train(annotations: Path, as_json: bool, **values: Any) -> int:
    """Train a model on ANNOTATIONS, a folder of YAML or JAMS files.

    Runs in the foreground; a run folder under outputs/training and a run in MLflow come of it. Ctrl-C ends the
    run as KILLED, and --resume goes on with it.

    \b
    For example:
      edm train data/annotations --run-name cnn_lr1e-3 --epochs 50 --lr 0.001
      edm train data/annotations --run-name cnn_lr1e-3 --resume
    """
    config = _config(annotations, values)
    if config.run_name:
        _warn_of_name(config.run_name)
    from edm_core.training.data_state import ready_data
    from edm_core.training.session import absolute_paths
    from edm_core.workspace import find_workspace

    workspace = find_workspace()
    config = absolute_paths(config, workspace, Path.cwd())
    ready_data(workspace, config, say, click.confirm if interactive() else None)
    result = _train(config, workspace, as_json)
    if isinstance(result, int):
        return result
    if as_json:
        print_json(
            {"run_id": result.run_id, "name": result.run_name, "folder": str(result.folder), "epochs": result.epochs,
             "best_epoch": result.best_epoch, "best_val_loss": result.best_val_loss, "metrics": result.metrics}
        )  # fmt: skip
    else:
        click.echo(f"done: {result.folder}  best val_loss {result.best_val_loss:.4f} at epoch {result.best_epoch}")
    return 0


def _config(annotations: Path, values: dict[str, Any]) -> TrainingConfig:
    from edm_core.naming import check_run_name

    try:
        config = TrainingConfig(annotations=str(annotations), **values)
    except TrainingError as error:
        raise click.UsageError(f"{error.message} {error.hint}") from error
    if config.run_name:
        check_run_name(config.run_name)
    return config


def _warn_of_name(name: str) -> None:
    from edm_core.naming import naming_warnings

    for warning in naming_warnings(name):
        say(f"warning: {warning}")


def _train(config: TrainingConfig, workspace: Any, as_json: bool) -> "FitResult | int":
    """The result, or the exit status of a training that was asked to stop."""
    from edm_core.training.session import train as run_training
    from edm_core.training.stopping import StopRequested

    try:
        return run_training(config, workspace, stream=sys.stderr if as_json else None)
    except KeyboardInterrupt:
        say("interrupted: the run is ended as KILLED; --resume goes on with it")
        return INTERRUPTED
    except StopRequested as stop:
        with contextlib.suppress(OSError):  # after SIGHUP there may be no terminal to tell it to
            say("stopped: the run is ended as KILLED; --resume goes on with it")
        return 128 + stop.number


@click.command()
@click.argument("run")
@click.option("--annotations", default="", help="Another folder of annotations: every track in it is scored.")
@click.option("--audio-dir", default="", help="Folder of the audio, where it is not beside the annotations.")
@json_option
def evaluate(run: str, annotations: str, audio_dir: str, as_json: bool) -> None:
    """Score the best checkpoint of RUN on its validation tracks, track by track.

    \b
    For example:
      edm evaluate cnn_lr1e-3
      edm evaluate cnn_lr1e-3 --json
    """
    from edm_core.training.evaluate_run import evaluate_run
    from edm_core.workspace import find_workspace

    workspace = find_workspace()
    paths = [os.path.relpath(Path.cwd() / given, workspace.root) if given else "" for given in (annotations, audio_dir)]
    evaluation = evaluate_run(workspace, run, *paths)
    if as_json:
        print_json(evaluation)
        return
    _print_tracks(evaluation)


def _print_tracks(evaluation: dict[str, Any]) -> None:
    if not evaluation["tracks"]:
        raise RunNameError("this run has no boundary head, so there are no boundaries to score")
    rows = [
        (
            track["track"], f"{track['boundary_f1_05']:.3f}", f"{track['boundary_precision_05']:.3f}",
            f"{track['boundary_recall_05']:.3f}", f"{track['boundary_f1']:.3f}",
            str(len(track["reference"])), str(len(track["predicted"])), f"{track['subtle_found']}/{track['subtle']}",
        )
        for track in evaluation["tracks"]
    ]  # fmt: skip
    headers = ("track", "f1 0.5 s", "precision", "recall", "f1 3 s", "boundaries", "predicted", "subtle found")
    print_table(headers, rows, right=range(1, 8))
    click.echo()
    for name, value in evaluation["summary"].items():
        click.echo(f"{name:26} {value:.3f}")
