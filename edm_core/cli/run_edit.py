"""`edm runs edit`, `rename`, `tag`, `delete` and `restore`: what a person changes of runs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from edm_core.cli.output import json_option, print_outcome, say
from edm_core.workspace import find_workspace

if TYPE_CHECKING:
    from edm_core.snapshots.runs import RunRow
    from edm_core.workspace import Workspace

_RUN, _RUNS = "RUN", "RUN..."


@click.command()
@click.argument("runs", metavar=_RUNS, nargs=-1, required=True)
@click.option("--note", metavar="TEXT", help="MLflow's note; an empty text takes it away.")
@click.option("--name", metavar="NAME", help="Another name for the run; its folder keeps its own.")
@click.option("--tag", "tags", metavar="KEY=VALUE", multiple=True, help="Set a tag of MLflow's.")
@click.option("--untag", metavar="KEY", multiple=True, help="Take a tag away.")
@click.option(
    "--set", "changes", metavar="KEY=VALUE", multiple=True, help="A key of metadata.yaml; dots go into sections."
)
@json_option
def edit(
    runs: Sequence[str], note: str | None, name: str | None, tags: Sequence[str], untag: Sequence[str],
    changes: Sequence[str], as_json: bool,
) -> None:  # fmt: skip
    """Edit a run's metadata.yaml, note, name and tags; several runs share note and tags.

    \b
    For example:
      edm runs edit cnn_lr1e-3 --note "the one to beat" --set results.conclusion="steadier, not better"
      edm runs edit cnn_lr1e-3 cnn_lr3e-3 --tag kind=baseline
    """
    from edm_core.actions.metadata import NOTE_TAG, edit_metadata, set_note
    from edm_core.actions.run_edit import edit_runs

    wanted = dict(_assignment(change) for change in changes)
    values = _tags(tags, untag)
    if note is None and not wanted and not values and name is None:
        raise click.UsageError("say what to change: --note TEXT, --name NAME, --tag KEY=VALUE or --set KEY=VALUE")
    if len(runs) > 1 and (wanted or name is not None):
        raise click.UsageError("--name and --set are for one run at a time")
    workspace = find_workspace()
    rows = _found(workspace, runs)
    outcomes = []
    of_mlflow = bool(values) or name is not None or len(rows) > 1
    if wanted:
        # Note and metadata are one form, so they are one step of undo.
        outcomes.append(edit_metadata(workspace, rows[0], wanted, None if of_mlflow else note, say=say))
    if of_mlflow:
        noted = {} if note is None else {NOTE_TAG: note or None}
        outcomes.append(edit_runs(workspace, rows, {**values, **noted}, name, say=say))
    elif note is not None and not wanted:
        outcomes.append(set_note(workspace, rows[0], note, say=say))
    print_outcome(_together(outcomes), as_json)


@click.command()
@click.argument("run", metavar=_RUN)
@click.argument("name", metavar="NAME")
@json_option
def rename(run: str, name: str, as_json: bool) -> None:
    """Give a run another name in MLflow; its folder keeps its own, and they still find each other.

    \b
    For example:
      edm runs rename cnn_lr1e-3 cnn_steady
    """
    from edm_core.actions.run_edit import edit_runs

    workspace = find_workspace()
    print_outcome(edit_runs(workspace, _found(workspace, [run]), {}, name, say=say), as_json)


@click.command()
@click.argument("runs", metavar=_RUNS, nargs=-1, required=True)
@click.option("--set", "tags", metavar="KEY=VALUE", multiple=True, help="Set a tag.")
@click.option("--delete", "untag", metavar="KEY", multiple=True, help="Take a tag away.")
@json_option
def tag(runs: Sequence[str], tags: Sequence[str], untag: Sequence[str], as_json: bool) -> None:
    """Set and delete tags of one run or of many, as one action.

    \b
    For example:
      edm runs tag cnn_lr1e-3 cnn_lr3e-3 --set kind=baseline --delete draft
    """
    from edm_core.actions.run_edit import edit_runs

    values = _tags(tags, untag)
    if not values:
        raise click.UsageError("say what to change: --set KEY=VALUE or --delete KEY")
    workspace = find_workspace()
    print_outcome(edit_runs(workspace, _found(workspace, runs), values, say=say), as_json)


@click.command()
@click.argument("runs", metavar=_RUNS, nargs=-1, required=True)
@click.option("--force", is_flag=True, help="Also one that is registered, or that MLflow calls running.")
@json_option
def delete(runs: Sequence[str], force: bool, as_json: bool) -> None:
    """Delete runs in MLflow, softly: `edm undo` and `edm runs restore` bring them back. Folders stay.

    \b
    For example:
      edm runs delete cnn_lr1e-3
    """
    from edm_core.actions.run_delete import delete_runs

    workspace = find_workspace()
    print_outcome(delete_runs(workspace, _found(workspace, runs), force=force, say=say), as_json)


@click.command()
@click.argument("runs", metavar=_RUNS, nargs=-1, required=True)
@json_option
def restore(runs: Sequence[str], as_json: bool) -> None:
    """Restore runs that were deleted in MLflow; `edm runs list --deleted` shows them.

    \b
    For example:
      edm runs restore cnn_lr1e-3
    """
    from edm_core.actions.run_delete import restore_runs

    print_outcome(restore_runs(find_workspace(), runs, say=say), as_json)


def _found(workspace: "Workspace", refs: Sequence[str]) -> list["RunRow"]:
    """The runs of these names, each once."""
    from edm_core.stores.runs import find_run

    return list({row.row_id: row for row in (find_run(workspace, ref) for ref in refs)}.values())


def _tags(given: Sequence[str], untag: Sequence[str]) -> dict[str, str | None]:
    values: dict[str, str | None] = {}
    for text in given:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise click.UsageError(f"a tag is given as KEY=VALUE, not {text!r}")
        values[key.strip()] = value
    return {**values, **dict.fromkeys(untag)}


def _assignment(text: str) -> tuple[str, Any]:
    """`key=value` as key and a plain value: YAML's numbers, true and false, else text; empty takes the key away."""
    import yaml

    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise click.UsageError(f"--set takes KEY=VALUE, not {text!r}")
    if not value:
        return key.strip(), None
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        return key.strip(), value
    return key.strip(), parsed if isinstance(parsed, bool | int | float) else value


def _together(outcomes: list[Any]) -> Any:
    from edm_core.snapshots.outcome import Outcome

    if len(outcomes) == 1:
        return outcomes[0]
    stale = tuple(dict.fromkeys(store for outcome in outcomes for store in outcome.stale))
    data = {key: value for outcome in outcomes for key, value in outcome.data.items()}
    title = "; ".join(outcome.title for outcome in outcomes)
    return Outcome(title, " ".join(filter(None, (o.detail for o in outcomes))), "done", stale, data)
