"""Templates of commands: typed fields, values that stay one word, faults that name their place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edm_core.errors import EdmError, JobError, SettingsError, TrainingError
from edm_core.jobs.profiles import load_profile
from edm_core.settings import LaunchSettings

TEMPLATE = "python train.py --lr {lr} --mode={mode} --amp {amp} --name {run_name} --note '{{note}} {note}'"
FIELDS: dict[str, Any] = {
    "lr": {"type": "float", "default": 0.001, "min": 0.0, "max": 1.0},
    "mode": {"choices": ["fast", "slow"], "help": "how"},
    "amp": {"type": "bool", "default": True},
}


def settings(command: str = TEMPLATE, fields: dict[str, Any] | None = None, **profiles: Any) -> LaunchSettings:
    return LaunchSettings(command=command, fields=FIELDS if fields is None else fields, profiles=profiles)


def test_fields_are_typed_and_in_the_order_of_the_command() -> None:
    options = load_profile(settings()).options
    assert [(one.name, one.kind, one.default) for one in options.values()] == [
        ("lr", "float", 0.001), ("mode", "str", "fast"), ("amp", "bool", True), ("run_name", "str", ""),
        ("note", "str", ""),
    ]  # fmt: skip
    assert (options["mode"].choices, options["mode"].help) == (("fast", "slow"), "how")


def test_values_fill_the_command() -> None:
    words = load_profile(settings()).command({"lr": "0.5", "mode": "slow", "run_name": "a", "note": "two words; $x"})
    assert words == [
        "python",
        "train.py",
        "--lr",
        "0.5",
        "--mode=slow",
        "--amp",
        "true",
        "--name",
        "a",
        "--note",
        "{note} two words; $x",
    ]
    assert load_profile(settings()).command({})[8].startswith("run_2")


@given(st.text())
def test_a_value_is_one_word_whatever_is_in_it(value: str) -> None:
    assert load_profile(settings("x {note} y", {})).command({"note": value}) == ["x", value, "y"]


@pytest.mark.parametrize("values", [{"lr": "2"}, {"lr": "x"}, {"mode": "other"}, {"amp": "maybe"}])
def test_values_that_cannot_be_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(TrainingError):
        load_profile(settings()).command(values)


def test_without_a_template_it_is_edms_own_training() -> None:
    profile = load_profile(LaunchSettings())
    assert profile.command({"learning_rate": "0.01", "run_name": "x"}) == [
        "edm", "train", "data/annotations", "--run-name", "x", "--lr", "0.01",
    ]  # fmt: skip
    with pytest.raises(JobError, match="no field 'lr'"):
        profile.command({"lr": "1"})


def test_a_profile_inherits_what_it_does_not_say() -> None:
    given_ = settings(
        long={"env": {"N": 3}, "fields": {"lr": {"type": "float", "default": 0.5}}}, short={"command": "ls"}
    )
    assert load_profile(settings(short={"command": "ls"}, fields={}), "short").command({}) == ["ls"]
    long = load_profile(given_, "long")
    assert (long.template, long.env, long.options["lr"].default) == (TEMPLATE, {"N": "3"}, 0.5)
    with pytest.raises(JobError, match="no profile 'moon'"):
        load_profile(given_, "moon")


@pytest.mark.parametrize(
    ("given_", "named"),
    [
        (settings("x {lr", {}), "command"),
        (settings("x '{lr}", {}), "command"),
        (settings("x {0}", {}), "{0}"),
        (settings("x {lr.real}", {}), "lr.real"),
        (settings("x", {"lr": {}}), "lr"),
        (settings("x {lr}", {"lr": 3}), "lr"),
        (settings("x {lr}", {"lr": {"typ": "int"}}), "typ"),
        (settings("x {lr}", {"lr": {"type": "complex"}}), "complex"),
        (settings("x {lr}", {"lr": {"type": "int", "default": "x"}}), "default"),
        (settings("x {lr}", {"lr": {"type": "int", "default": 5, "max": 3}}), "default"),
        (settings("x {lr}", {"lr": {"min": "x"}}), "min"),
        (settings("x {lr}", {"lr": {"choices": "ab"}}), "choices"),
        (settings(local=3), "local"),
        (settings(local={"comand": "x"}), "comand"),
        (settings(local={"command": 3}), "command"),
        (settings(local={"engine": "pigeon"}), "pigeon"),
    ],
)
def test_faults_name_their_place(given_: LaunchSettings, named: str) -> None:
    with pytest.raises(EdmError) as caught:
        load_profile(given_)
    assert named in caught.value.message
    assert isinstance(caught.value, SettingsError | JobError)
