"""The launch form: checked as one types, the command live, nothing started that cannot be."""

from collections.abc import Mapping

from textual.app import App
from textual.widgets import Input

from edm_tui.dialogs.launch import FieldRow, LaunchCommand, LaunchDialog, LaunchField, LaunchPlan
from edm_tui.widgets.choice import Choice
from edm_tui.widgets.text_line import TextLine


def whole(text: str) -> str:
    return "" if text.isdigit() and int(text) > 0 else f"--epochs must be at least 1, not {text!r}."


def command(values: Mapping[str, str]) -> LaunchCommand:
    argv = ("edm", "train", "--run-name", values["run_name"], "--epochs", values["epochs"], "--lr", values["lr"])
    fault = whole(values["epochs"])
    if fault:
        return LaunchCommand(argv, error=fault, at="epochs")
    if values["run_name"] == "taken":
        return LaunchCommand(argv, error="run name 'taken' is taken", at="run_name")
    warning = "'test' says nothing about the run" if values["run_name"] == "test" else ""
    return LaunchCommand(argv, run_name=values["run_name"], warning=warning)


def a_plan(run_name: str = "cnn_lr1e-3", more: int = 0) -> LaunchPlan:
    fields = [
        LaunchField("run_name", "run name", run_name, "Name of the run.", lambda _: ""),
        LaunchField("backbone", "backbone", "cnn", "Network.", lambda _: "", choices=("cnn", "mert"), was="cnn"),
        LaunchField("epochs", "epochs", "30", "Passes over the tracks.", whole, was="30"),
        LaunchField("lr", "learning rate", "0.003", "Peak learning rate.", lambda _: "", was="0.003"),
        *(LaunchField(f"more{i}", f"more {i}", "1", "More.", lambda _: "") for i in range(more)),
    ]
    return LaunchPlan("New training", fields, command, ("slots 1 of 1 busy: starts after [b]x[/b]",))


class FormApp(App[None]):
    def __init__(self, plan: LaunchPlan) -> None:
        super().__init__()
        self.animation_level = "none"
        self.form = LaunchDialog(plan)
        self.answers: list[LaunchCommand | None] = []

    def on_mount(self) -> None:
        self.push_screen(self.form, self.answers.append)


def shown(app: FormApp, selector: str) -> str:
    widget = app.form.query_one(selector)
    return widget.text if isinstance(widget, TextLine) else str(widget.render())


def remark(app: FormApp, field: str) -> str:
    row = next(row for row in app.form.query(FieldRow) if row.field.name == field)
    return row.query_one(TextLine).text


async def test_the_command_follows_what_is_typed_and_enter_starts_it() -> None:
    app = FormApp(a_plan())
    async with app.run_test(size=(100, 30)) as pilot:
        app.form.query_one("#field-epochs").focus()
        await pilot.press("end", "0")
        assert "--epochs 300" in shown(app, "#command")
        assert remark(app, "epochs") == "(was 30)"
        await pilot.press("enter")
        assert app.answers
        assert app.answers[0] is not None
        assert app.answers[0].argv[-3:] == ("300", "--lr", "0.003")


async def test_a_fault_is_said_beside_the_field_and_enter_goes_there_instead_of_starting() -> None:
    app = FormApp(a_plan())
    async with app.run_test(size=(100, 30)) as pilot:
        epochs = app.form.query_one("#field-epochs", Input)
        epochs.value = "0"
        await pilot.pause()
        assert "must be at least 1" in remark(app, "epochs")
        assert "must be at least 1" in shown(app, "#message")
        app.form.query_one("#field-lr").focus()
        await pilot.press("enter")
        assert app.answers == []
        assert app.focused is epochs


async def test_a_name_that_is_taken_is_refused_and_a_poor_one_only_warned_about() -> None:
    app = FormApp(a_plan("taken"))
    async with app.run_test(size=(100, 30)) as pilot:
        assert "taken" in remark(app, "run_name")
        app.form.query_one("#field-run_name", Input).value = "test"
        await pilot.pause()
        assert remark(app, "run_name") == ""
        assert "says nothing" in shown(app, "#message")
        await pilot.press("enter")
        assert app.answers[0] is not None
        assert app.answers[0].run_name == "test"


async def test_choices_change_with_the_arrows_and_show_what_they_were() -> None:
    app = FormApp(a_plan())
    async with app.run_test(size=(100, 30)) as pilot:
        choice = app.form.query_one("#field-backbone", Choice)
        choice.focus()
        await pilot.press("right")
        assert choice.value == "mert"
        assert remark(app, "backbone") == "(was cnn)"
        await pilot.press("left")
        assert remark(app, "backbone") == ""


async def test_esc_steps_out_with_nothing() -> None:
    app = FormApp(a_plan())
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("escape")
        assert app.answers == [None]


async def test_at_80x24_with_many_fields_message_command_and_keys_stay_in_view() -> None:
    app = FormApp(a_plan(more=25))
    async with app.run_test(size=(80, 24)) as pilot:
        app.form.query_one("#field-more24").focus()
        await pilot.pause()
        for selector in ("#heading", "#message", "#command", "#form-keys", "#field-more24"):
            region = app.form.query_one(selector).region
            assert region.height > 0, selector
            assert region.bottom <= 24, selector
        assert app.form.query_one("#field-more24").region.y < app.form.query_one("#message").region.y


async def test_text_from_outside_is_no_markup() -> None:
    app = FormApp(a_plan("[red]x[/red]"))
    async with app.run_test(size=(100, 30)):
        assert "[b]x[/b]" in shown(app, "#heading")
        assert "[red]x[/red]" in shown(app, "#command")
