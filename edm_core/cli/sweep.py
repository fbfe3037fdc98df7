"""`edm sweep`: many trainings with other values, chosen by Optuna."""

import time
from pathlib import Path

import click

from edm_core.cli.output import json_option, plain, print_json, print_outcome, print_table, say
from edm_core.snapshots.sweeps import SweepSnapshot, Trial
from edm_core.workspace import Workspace, find_workspace


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--param", "params", metavar="FIELD=VALUES", multiple=True, help="Values to try; see below.")
@click.option("--set", "fixed", metavar="FIELD=VALUE", multiple=True, help="A field that is the same in all trials.")
@click.option("--trials", type=click.IntRange(min=1), help="How many trainings (default 20; all of a grid).")
@click.option("--sampler", type=click.Choice(("tpe", "random", "grid")), default="tpe", show_default=True)
@click.option("--pruner", type=click.Choice(("median", "none")), default="median", show_default=True,
              help="Stop trials that are worse than the median at the same epoch.")  # fmt: skip
@click.option("--metric", default="", help="What is judged (default: [metrics] primary).")
@click.option(
    "--direction", type=click.Choice(("min", "max")), help="Which way is better, where the name does not tell."
)
@click.option("--parallel", type=click.IntRange(min=1), help="Trials at once (default: the profile's places).")
@click.option("--profile", default="local", show_default=True, help="Where to launch trials: a profile of edm.toml.")
@click.option("--seed", default=0, show_default=True, help="Seed of the sampler.")
@click.option("--name", default="", help="Name of the sweep and of its parent run.")
@click.option("--resume", metavar="NAME", help="Go on with a sweep; --trials may raise their number.")
@click.option("--stop", "stopped", metavar="NAME", help="Stop a sweep and its running trials.")
@click.option("--show", metavar="NAME", help="The trials of a sweep and the best so far.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@json_option
def sweep(
    params: tuple[str, ...], fixed: tuple[str, ...], trials: int | None, sampler: str, pruner: str, metric: str,
    direction: str | None, parallel: int | None, profile: str, seed: int, name: str, resume: str | None,
    stopped: str | None, show: str | None, command: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Try values of a training's fields: each trial is a job and a child run of the sweep's own run.

    Without options, list the sweeps. --param takes a range (0.1:0.5), one on a log scale (log:1e-4:1e-1), one with a
    step (10:50:10), or choices (0.1,0.3). COMMAND is your own, with {fields} in it; else the profile's is used.

    \b
    For example:
      edm sweep --param lr=log:1e-4:1e-1 --param batch_size=4,8 --set epochs=10 --trials 20
      edm sweep --param lr=log:1e-4:1e-1 --metric val_loss -- python train.py --lr {lr}
      edm sweep --show sweep_20261123_171203
    """
    from edm_core.sweeps import sweeps

    workspace = find_workspace()
    if sum(bool(one) for one in (params, resume, stopped, show)) > 1:
        raise click.UsageError("--param, --resume, --stop and --show are one at a time.")
    if stopped:
        print_outcome(sweeps.stop_sweep(workspace, stopped), as_json)
    elif show:
        _show(sweeps.load_sweep(workspace, show), as_json)
    elif resume:
        _started(sweeps.resume_sweep(workspace, resume, trials or 0), as_json)
    elif params:
        from edm_core.sweeps.spec import SweepSpec

        primary = metric or workspace.settings.metrics.primary
        minimised = workspace.settings.metrics.minimised(primary) if direction is None else direction == "min"
        spec = SweepSpec(
            name or f"sweep_{time.strftime('%Y%m%d_%H%M%S')}", _pairs(params, "--param"), primary, minimised,
            trials or (0 if sampler == "grid" else 20), sampler, pruner, parallel or _places(workspace, profile),
            profile, command, _pairs(fixed, "--set"), str(_cwd(workspace)) if command else "", seed,
        )  # fmt: skip
        _started(sweeps.start_sweep(workspace, spec), as_json)
    elif command or fixed:
        raise click.UsageError("a sweep needs --param FIELD=VALUES.")
    else:
        _list(sweeps.load_sweeps(workspace), as_json)


def _pairs(values: tuple[str, ...], option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values:
        key, equals, text = value.partition("=")
        if not equals or not key or key in found:
            raise click.BadParameter(f"{value!r} is not FIELD=…, once for each field", param_hint=option)
        found[key] = text
    return found


def _places(workspace: Workspace, profile: str) -> int:
    """How many trials the profile can take at once."""
    import os

    from edm_core.jobs.engine_settings import SlurmSettings
    from edm_core.jobs.gpus import slot_count
    from edm_core.jobs.profiles import load_profile

    plan = load_profile(workspace.settings.launch, profile)
    if isinstance(plan.settings, SlurmSettings):
        return plan.settings.array or 4
    return slot_count(workspace.settings.launch.slots, os.environ)


def _cwd(workspace: Workspace) -> Path:
    here = Path.cwd().resolve()
    return here if here.is_relative_to(workspace.root) else workspace.root


def _started(sweep: SweepSnapshot, as_json: bool) -> None:
    if as_json:
        print_json({**_document(sweep), "title": f"Started sweep {sweep.name}", "id": sweep.job_id,
                    "stale": ["runs", "jobs"]})  # fmt: skip
        return
    click.echo(sweep.name)
    say(f"{sweep.wanted} trials; `edm sweep --show {sweep.name}` tells how they go, "
        f"`edm jobs attach {sweep.job_id[-4:]}` follows")  # fmt: skip


def _list(found: tuple[SweepSnapshot, ...], as_json: bool) -> None:
    if as_json:
        print_json({"sweeps": [_document(one) for one in found]})
        return
    rows = [[one.name, one.state, f"{one.ended}/{one.wanted}", one.sampler, one.metric, *_best(one)] for one in found]
    print_table(["sweep", "state", "trials", "sampler", "metric", "best", "with"], rows, right=(2, 5))


def _show(sweep: SweepSnapshot, as_json: bool) -> None:
    if as_json:
        print_json(_document(sweep))
        return
    names = list(sweep.params)
    rows = [
        [str(one.number), one.state, *(one.params.get(name, "") for name in names), _value(one),
         "" if one.step is None else str(one.step), one.run_name or one.job_id]
        for one in sweep.trials
    ]  # fmt: skip
    print_table(["trial", "state", *names, sweep.metric, "at", "run"], rows, right=range(2, len(names) + 4))
    best, words = _best(sweep)
    best = best or "none yet"
    say(f"{sweep.name}: {sweep.state}, {sweep.ended} of {sweep.wanted} trials; best {best} {words}".rstrip())
    if sweep.note:
        say(sweep.note)


def _best(sweep: SweepSnapshot) -> list[str]:
    best = sweep.best
    if best is None:
        return ["", ""]
    return [_value(best), " ".join(f"{name}={text}" for name, text in best.params.items())]


def _value(trial: Trial) -> str:
    return "" if trial.value is None else f"{trial.value:.5g}"


def _document(sweep: SweepSnapshot) -> dict[str, object]:
    document: dict[str, object] = plain(sweep)
    return document | {"best": plain(sweep.best)}
