"""The forms of the verbs: what they ask, and the command that comes of it."""

import datetime as dt
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, TextArea

from edm_core.errors import EdmError
from edm_core.jobs.names import taken_names
from edm_core.snapshots.jobs import JobSnapshot, Progress
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.runs import DataState, FileEntry, MetricSummary, RunDetail, RunRow
from edm_core.training.config import TrainingConfig
from edm_core.workspace import Workspace, find_workspace
from edm_tui.dialogs.confirm import ConfirmDialog
from edm_tui.dialogs.launch import LaunchDialog
from edm_tui.dialogs.metadata import MetadataDialog
from edm_tui.dialogs.promote import PromoteDialog
from edm_tui.dialogs.register import RegisterDialog
from edm_tui.screens import forms, model_forms
from edm_tui.screens.edit_form import edit_options, metadata_values, tag_options, tags_fault
from edm_tui.screens.launch_form import launch_plan, slots_notice, to_launch
from edm_tui.screens.model_forms import register_warnings
from edm_tui.screens.promotion import findings_of
from edm_tui.widgets.choice import Choice
from edm_tui.widgets.text_line import TextLine
from tests.support.tui_host import HostApp, a_workspace

NOW = dt.datetime(2026, 11, 23, 12, 0)
ROW = RunRow(
    "r1", "cnn_a", "FINISHED", params={"learning_rate": "0.01", "epochs": "7"}, tags={"mlflow.note.content": "a note"},
    run_dir="outputs/training/cnn_a", data_state=DataState.UNTRACKED,
    metrics={"val_loss": MetricSummary(0.3, 7, 0.2, 5)},
)  # fmt: skip


def running(name: str, epoch: int = 1) -> JobSnapshot:
    return JobSnapshot(
        name, "running", name, (), 0.0, run_name=name, progress=Progress(epoch=epoch, epochs=9, batch=1, batches=2)
    )


async def until(pilot: Pilot[None], true: Callable[[], bool]) -> None:
    while not true():
        await pilot.pause(0.02)


def shown(form: Screen[Any], selector: str) -> str:
    widget = form.query_one(selector)
    return widget.text if isinstance(widget, TextLine) else str(widget.render())


# Launch ---------------------------------------------------------------------------


def values(**changed: str) -> dict[str, str]:
    from edm_core.training.config import OPTIONS
    from edm_tui.screens.launch_form import LEFT_OUT, as_text

    config = TrainingConfig()
    table = {n: as_text(o, getattr(config, n)) for n, o in OPTIONS.items() if n not in LEFT_OUT}
    return table | changed


def test_the_command_has_what_differs_from_the_defaults_and_always_a_name() -> None:
    command = to_launch(values(epochs="5", label="on"), {}, NOW)
    assert command.error == ""
    assert command.run_name == "run_20261123_120000_cnn"
    assert command.argv == (
        "edm", "train", "data/annotations", "--run-name", "run_20261123_120000_cnn", "--epochs", "5", "--label",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"epochs": "0"}, "epochs", "at least 1"),
        ({"epochs": "many"}, "epochs", "whole number"),
        ({"learning_rate": "nan"}, "learning_rate", "--lr"),
        ({"run_name": "../x"}, "run_name", "path separator"),
        ({"run_name": "there"}, "run_name", "taken by a run folder"),
        ({"boundary": "off", "energy": "off", "beat": "off"}, "", "nothing to train"),
    ],
)
def test_what_cannot_be_is_named_with_its_field(changed: dict[str, str], field: str, words: str) -> None:
    command = to_launch(values(**changed), {"there": "a run folder"}, NOW)
    assert words in command.error
    assert command.at == field


def test_a_poor_name_is_warned_about() -> None:
    assert "says nothing" in to_launch(values(run_name="test"), {}, NOW).warning


def test_names_of_folders_pointers_and_active_jobs_are_taken(tmp_path: Path) -> None:
    workspace = a_workspace(tmp_path)
    (workspace.runs_dir / "folder").mkdir(parents=True)
    (workspace.runs_dir / "kept.dvc").touch()
    taken = taken_names(workspace, [running("live"), JobSnapshot("x", "done", "x", (), 0.0, run_name="over")])
    assert set(taken) == {"folder", "kept", "live"}


def test_the_form_from_a_run_is_filled_and_remembers_what_was(tmp_path: Path) -> None:
    plan = launch_plan(a_workspace(tmp_path), ROW, [], NOW)
    fields = {field.name: field for field in plan.fields}
    assert fields["learning_rate"].value == "0.01"
    assert fields["learning_rate"].was == "0.01"
    assert fields["run_name"].value == "cnn_a_r2"
    assert fields["run_name"].was is None
    assert fields["boundary"].choices == ("on", "off")


def test_config_yaml_knows_what_the_params_do_not(tmp_path: Path) -> None:
    workspace = a_workspace(tmp_path)
    folder = workspace.root / ROW.run_dir
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("annotations: other\nepochs: 9\nhypothesis: old\nunknown: 1\n")
    fields = {field.name: field.value for field in launch_plan(workspace, ROW, [], NOW).fields}
    assert (fields["annotations"], fields["epochs"], fields["hypothesis"]) == ("other", "9", "")
    (folder / "config.yaml").write_text("[broken")
    fields = {field.name: field.value for field in launch_plan(workspace, ROW, [], NOW).fields}
    assert (fields["annotations"], fields["epochs"]) == ("data/annotations", "7")


def test_the_notice_says_after_which_run_the_job_would_start() -> None:
    assert "starts at once" in slots_notice([], 1)
    assert "1 of 1 busy: starts after b" in slots_notice([running("b")], 1)
    assert "starts after far" in slots_notice([running("near", 2), running("far", 8)], 2)


async def test_n_launches_what_the_form_says(tmp_path: Path) -> None:
    app = HostApp(a_workspace(tmp_path))
    async with app.run_test(size=(100, 30)) as pilot:
        await forms.open_new_from(app, (ROW,))
        form = app.screen
        assert isinstance(form, LaunchDialog)
        assert "no data set here" in shown(form, "#data")
        form.query_one("#field-run_name", Input).value = "cnn_b"
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.requests))
        argv = app.requests[0].argv
        assert argv[:5] == ("jobs", "launch", "--name", "cnn_b", "--")
        assert argv[5:9] == ("edm", "train", "data/annotations", "--run-name")
        assert ("--lr", "0.01") in itertools.pairwise(argv)


# Metadata ---------------------------------------------------------------------------


def test_metadata_is_read_by_key_and_a_broken_file_only_leaves_the_note() -> None:
    read, warning = metadata_values("hypothesis: h\nresults:\n  expected: e\n  actual: null\nconfig_changes: [a, b]\n")
    assert read["hypothesis"] == "h"
    assert read["results.expected"] == "e"
    assert read["results.actual"] == ""
    assert read["config_changes"] == "- a\n- b"
    assert warning == ""
    read, warning = metadata_values("a: [\n")
    assert read == {}
    assert "no YAML" in warning


def test_changes_become_options() -> None:
    words = edit_options({"note": "n", "results.actual": "x=y"}, {})
    assert words == ["--note", "n", "--set", "results.actual=x=y"]


def test_a_section_stays_a_section() -> None:
    before = {"config_changes": "epochs: 8\nlr: 0.1\nold: 1"}
    words = edit_options({"config_changes": "epochs: 9\nlr: 0.1\nnew: yes"}, before)
    assert words == [
        "--set",
        "config_changes.epochs=9",
        "--set",
        "config_changes.old=",
        "--set",
        "config_changes.new=True",
    ]
    assert edit_options({"config_changes": "in words"}, before) == ["--set", "config_changes=in words"]


def test_lines_of_tags_become_options() -> None:
    before = {"kind": "trial", "team": "a"}
    assert tag_options("kind = final\nnew=x = y\n", before) == [
        "--tag", "kind=final", "--tag", "new=x = y", "--untag", "team"
    ]  # fmt: skip
    assert tag_options("-draft\n\nkind = b", {}) == ["--untag", "draft", "--tag", "kind=b"]
    assert edit_options({"name": "b", "tags": ""}, {}, before) == ["--name", "b", "--untag", "kind", "--untag", "team"]


def test_a_line_that_is_no_tag_and_an_empty_name_are_said() -> None:
    assert "neither" in tags_fault({"tags": "kind trial"})
    assert tags_fault({"tags": "-kind\na = b"}) == ""
    assert "needs a name" in tags_fault({"name": " "})


async def test_several_runs_share_tags_and_note(tmp_path: Path) -> None:
    app = HostApp(a_workspace(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await forms.open_metadata(app, (ROW, replace(ROW, run_id="r2", name="other")))
        form = app.screen
        assert isinstance(form, MetadataDialog)
        form.query_one("#edit-tags", TextArea).text = "no tag at all"
        await pilot.press("ctrl+s")
        assert "neither" in shown(form, "#message")
        form.query_one("#edit-tags", TextArea).text = "kind = baseline"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: bool(app.requests))
        assert app.requests[0].argv == ("runs", "edit", "r1", "r2", "--tag", "kind=baseline")


async def test_only_what_was_changed_is_saved_and_esc_warns_before_it_drops_it(tmp_path: Path) -> None:
    app = HostApp(a_workspace(tmp_path))
    app.services.details["r1"] = RunDetail(ROW, metadata="hypothesis: old\n")
    async with app.run_test(size=(80, 24)) as pilot:
        await forms.open_metadata(app, (ROW,))
        form = app.screen
        assert isinstance(form, MetadataDialog)
        assert form.query_one("#edit-note", TextArea).text == "a note"
        assert form.query_one("#edit-note", TextArea).cursor_location == (0, len("a note"))
        form.query_one("#edit-results-conclusion", TextArea).text = "it works"
        await pilot.press("escape")
        assert app.screen is form
        assert "not saved" in shown(form, "#message")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: bool(app.requests))
        assert app.requests[0].argv == ("runs", "edit", "r1", "--set", "results.conclusion=it works")
        assert app.requests[0].lane == "data"


async def test_nothing_changed_asks_for_nothing(tmp_path: Path) -> None:
    app = HostApp(a_workspace(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await forms.open_metadata(app, (ROW,))
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert not isinstance(app.screen, MetadataDialog)
        assert app.requests == []


# Promotion --------------------------------------------------------------------------

CANDIDATE = ModelVersion("EDMModel", 4, "Staging", run_id="r1", tags={"edm.run_name": "cnn_a"})
INCUMBENT = ModelVersion("EDMModel", 3, "Production", run_id="r0", tags={"edm.run_name": "mert"})
FINDINGS = {
    "metrics": [
        {
            "metric": "val_loss",
            "candidate": 0.2,
            "incumbent": 0.3,
            "delta": -0.1,
            "verdict": "better",
            "minimised": True,
        },
    ],
    "gates": [{"gate": "pushed", "passed": True, "detail": ""}],
    "differences": {
        "data": ["aa", "bb"],
        "files": {"a.py": "+1 −2"},
        "tracks": {"better": [], "worse": ["t1"], "same": 2, "scores": {"t1": [0.5, 0.9], "t2": [1, 1], "t3": [1, 1]}},
    },
}


def promotion_app(tmp_path: Path, **changed: object) -> HostApp:
    app = HostApp(a_workspace(tmp_path))
    app.services.model_list = (CANDIDATE, INCUMBENT)
    app.services.answers["models promote"] = {**FINDINGS, **changed}
    return app


async def test_promotion_shows_candidate_incumbent_and_gates_and_records_the_reason(tmp_path: Path) -> None:
    app = promotion_app(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await forms.open_promote(app, (ROW,))
        form = app.screen
        assert isinstance(form, PromoteDialog)
        assert "v4 cnn_a   Staging → Production   now v3 mert" in shown(form, "#heading")
        table = shown(form, "#comparison")
        assert "better" in table
        assert "-0.1" in table
        assert "val_loss ↓" in table
        assert "other data: bb → aa" in table
        assert "0 better · 1 worse · 2 same   t1 0.90 → 0.50" in table
        assert "1 differ   a.py +1 −2" in table
        assert "✓ pushed" in shown(form, "#gates")
        assert app.services.queries == [("models", "promote", "EDMModel/4", "Production", "--dry-run")]
        await pilot.press("o", *"live", "enter")
        await until(pilot, lambda: bool(app.requests))
        assert app.requests[0].argv == ("models", "promote", "EDMModel/4", "Production", "--reason", "live")
        assert app.requests[0].lane == "registry"


async def test_a_failing_gate_needs_a_reason(tmp_path: Path) -> None:
    app = promotion_app(tmp_path, gates=[{"gate": "pushed", "passed": False, "detail": "only here"}])
    async with app.run_test(size=(80, 24)) as pilot:
        await forms.open_promote(app, (ROW,))
        form = app.screen
        assert isinstance(form, PromoteDialog)
        assert "✗ pushed" in shown(form, "#gates")
        assert "Cannot promote: 1 gate fails" in shown(form, "#message")
        assert "o override with a reason · v evaluate now" in shown(form, "#form-keys")
        await pilot.press("enter", "enter")
        assert app.screen is form
        await pilot.press("escape", "o", *"why", "enter")
        await until(pilot, lambda: bool(app.requests))
        assert app.requests[0].argv[-2:] == ("--reason", "why")


async def test_v_evaluates_and_asks_the_gates_again(tmp_path: Path) -> None:
    app = promotion_app(tmp_path, gates=[{"gate": "evaluated", "passed": False, "detail": "0 tracks scored"}])
    app.services.answers["models evaluate"] = {"title": "v4: 5 tracks scored", "detail": ""}
    async with app.run_test(size=(80, 24)) as pilot:
        await forms.open_promote(app, (ROW,))
        form = app.screen
        assert "✗ evaluated" in shown(form, "#gates")
        app.services.answers["models promote"]["gates"] = [{"gate": "evaluated", "passed": True, "detail": "5"}]
        await pilot.press("v")
        await until(pilot, lambda: "✓ evaluated" in shown(form, "#gates"))
        assert ("models", "evaluate", "EDMModel/4") in app.services.queries
        assert "enter promote" in shown(form, "#form-keys")
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.requests))
        assert app.requests[0].argv == ("models", "promote", "EDMModel/4", "Production")


async def test_a_rollback_shows_who_was_there_before(tmp_path: Path) -> None:
    app = promotion_app(tmp_path)
    app.services.answers["models rollback"] = FINDINGS
    before = ModelVersion("EDMModel", 2, "Archived", run_id="r9", tags={"edm.run_name": "old"})
    async with app.run_test(size=(80, 24)) as pilot:
        await model_forms.open_rollback(app, (CANDIDATE, INCUMBENT, before), before)
        form = app.screen
        assert "roll back to v2 old   Archived → Production   now v3 mert" in shown(form, "#heading")
        await pilot.press("o", *"drops", "enter")
        await until(pilot, lambda: bool(app.requests))
        argv = ("models", "rollback", "Production", "--model", "EDMModel", "--reason", "drops")
        assert app.requests[0].argv == argv


async def test_demote_goes_one_step_down_and_ends_are_refused(tmp_path: Path) -> None:
    app = promotion_app(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await model_forms.open_promotion(app, INCUMBENT, up=False)
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.requests))
        assert app.requests[0].argv == ("models", "demote", "EDMModel/3")
        with pytest.raises(EdmError):
            await model_forms.open_promotion(app, INCUMBENT, up=True)
        with pytest.raises(EdmError, match="no model version"):
            await forms.open_promote(app, (RunRow("r7", "none"),))


async def test_stepping_down_to_no_stage_compares_with_nobody(tmp_path: Path) -> None:
    app = promotion_app(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await model_forms.open_promotion(app, CANDIDATE, up=False)
        form = app.screen
        assert shown(form, "#heading").strip() == "EDMModel  v4 cnn_a   Staging → None"
        assert shown(form, "#comparison").strip() == ""
        assert app.services.queries == []
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.requests))
        assert app.requests[0].argv == ("models", "demote", "EDMModel/4")


def test_what_a_dry_run_prints_is_read_carefully() -> None:
    found = findings_of({"metrics": [{"metric": "x", "candidate": "nan"}, "?"], "gates": "?", "differences": None})
    assert found.metrics[0].candidate != found.metrics[0].candidate
    assert found.metrics[0].incumbent is None
    assert found.gates == []


# Register ---------------------------------------------------------------------------


async def test_register_says_what_will_be_made_and_asks(tmp_path: Path) -> None:
    app = HostApp(a_workspace(tmp_path))
    app.services.model_list = (CANDIDATE,)
    app.services.details["r1"] = RunDetail(ROW, files=(FileEntry("checkpoints/best.pt", 1_500_000),))
    async with app.run_test(size=(80, 24)) as pilot:
        await forms.open_register(app, (ROW,))
        form = app.screen
        assert isinstance(form, RegisterDialog)
        assert "EDMModel v5" in shown(form, "#heading")
        assert "made from this run already" in shown(form, "#message")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not form)
        assert app.requests == []
        await forms.open_register(app, (ROW,))
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.requests))
        assert app.requests[0].argv == ("models", "register", "r1")
        await forms.open_register(app, (ROW,))
        assert "loading it runs its code" in shown(app.screen, "#format-says")
        await pilot.press("right")
        await until(pilot, lambda: "a graph without code" in shown(app.screen, "#format-says"))
        await pilot.press("tab", "end", *"Two")
        await until(pilot, lambda: "EDMModelTwo v1" in shown(app.screen, "#heading"))
        await pilot.press("enter")
        await until(pilot, lambda: len(app.requests) > 1)
        assert app.requests[1].argv == ("models", "register", "r1", "--model=EDMModelTwo", "--format=pt2")


def test_a_missing_checkpoint_and_a_run_that_is_not_kept_are_worth_a_warning() -> None:
    warnings = register_warnings(ROW, RunDetail(ROW, files=(FileEntry("config.yaml", 1),)), ())
    assert any("best.pt" in warning for warning in warnings)
    assert any("not kept" in warning for warning in warnings)


def test_json_is_asked_of_our_command_not_of_the_one_it_launches() -> None:
    from edm_tui.children import with_json

    launched = with_json(("jobs", "launch", "--name", "a", "--", "edm", "train"))
    assert launched == ("jobs", "launch", "--name", "a", "--json", "--", "edm", "train")
    assert with_json(("undo",)) == ("undo", "--json")


# Templates --------------------------------------------------------------------------

TEMPLATE = """
[launch]
command = "python train.py --lr {lr} --optimizer {optimizer} --amp {amp} --name {run_name}"
[launch.fields]
lr = { type = "float", default = 0.001, min = 0.0, max = 1.0, help = "Step size." }
optimizer = { choices = ["adam", "sgd"] }
amp = { type = "bool", default = true }
[launch.profiles.long]
command = "python train.py --steps {steps} --name {run_name}"
[launch.profiles.long.fields]
steps = { type = "int", choices = [1000, 2000] }
"""


def a_foreign_workspace(root: Path) -> Workspace:
    (root / "edm.toml").write_text(TEMPLATE)
    return find_workspace(root, {})


def test_the_form_is_made_from_the_template(tmp_path: Path) -> None:
    plan = launch_plan(a_foreign_workspace(tmp_path), None, [], NOW)
    assert [(field.name, field.value, field.choices) for field in plan.fields] == [
        ("run_name", "", ()), ("lr", "0.001", ()), ("optimizer", "adam", ("adam", "sgd")), ("amp", "on", ("on", "off")),
    ]  # fmt: skip
    assert plan.fields[1].help == "lr: Step size. (at least 0 and at most 1)"
    values = {"lr": "0.5", "optimizer": "sgd", "amp": "off", "run_name": "sgd_lr05"}
    command = plan.command(values)
    assert command.argv == (
        "python",
        "train.py",
        "--lr",
        "0.5",
        "--optimizer",
        "sgd",
        "--amp",
        "false",
        "--name",
        "sgd_lr05",
    )
    assert (command.praise, command.given[0]) == ("free, a good name", "lr=0.5")
    assert plan.command({**values, "lr": "2"}).at == "lr"
    assert plan.command({**values, "run_name": "../x"}).at == "run_name"
    unnamed = plan.command({**values, "run_name": ""})
    assert unnamed.argv[-1] == unnamed.run_name == "run_20261123_120000"


def test_the_form_from_a_foreign_run_shows_what_its_params_were(tmp_path: Path) -> None:
    row = RunRow("id", "sgd_a", params={"lr": "1e-2", "optimizer": "sgd", "width": "9"})
    fields = {field.name: field for field in launch_plan(a_foreign_workspace(tmp_path), row, [], NOW).fields}
    assert (fields["lr"].value, fields["lr"].was) == ("0.01", "0.01")
    assert (fields["optimizer"].value, fields["run_name"].value, fields["amp"].was) == ("sgd", "sgd_a_r2", None)


async def test_another_profile_brings_its_own_fields_and_keeps_what_was_typed(tmp_path: Path) -> None:
    app = HostApp(a_foreign_workspace(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await forms.open_new(app, ())
        form = app.screen
        assert isinstance(form, LaunchDialog)
        form.query_one("#field-run_name", Input).value = "my_run"
        form.query_one("#profile", Choice).focus()
        await pilot.press("right")
        await until(pilot, lambda: "steps" in form.rows)
        assert list(form.rows) == ["run_name", "steps"]
        assert form.command.argv == ("python", "train.py", "--steps", "1000", "--name", "my_run")
        form.query_one("#field-steps").focus()
        await pilot.press("right", "enter")
        await until(pilot, lambda: bool(app.requests))
        assert app.requests[0].argv == (
            "jobs", "launch", "--profile", "long", "--name", "my_run",
            "--set", "run_name=my_run", "--set", "steps=2000",
        )  # fmt: skip


async def test_a_profile_at_fault_says_so_and_nothing_is_launched_under_its_name(tmp_path: Path) -> None:
    (tmp_path / "edm.toml").write_text(TEMPLATE + '[launch.profiles.broken]\ncommand = "x {lr"\n')
    app = HostApp(find_workspace(tmp_path, {}))
    async with app.run_test(size=(80, 24)) as pilot:
        await forms.open_new(app, ())
        form = app.screen
        assert isinstance(form, LaunchDialog)
        form.query_one("#profile", Choice).focus()
        await pilot.press("left")
        await until(pilot, lambda: "profiles.broken" in form.command.error)
        await pilot.press("enter")
        assert form.is_current
        assert "profiles.broken" in shown(form, "#message")
        await pilot.press("right")
        await until(pilot, lambda: not form.command.error)


async def test_marked_runs_are_launched_again_after_one_question(tmp_path: Path) -> None:
    app = HostApp(a_workspace(tmp_path))
    async with app.run_test(size=(100, 30)) as pilot:
        await forms.open_new_from(app, (ROW, RunRow("b", "cnn_b")))
        form = app.screen
        assert isinstance(form, ConfirmDialog)
        assert "cnn_a as cnn_a_r2" in form.text
        await pilot.press("y")
        await until(pilot, lambda: bool(app.requests))
        assert app.requests[0].argv == ("jobs", "launch", "--again", ROW.run_id, "--again", "b")
