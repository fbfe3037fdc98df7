import datetime as dt
import subprocess
import sys
from dataclasses import fields, replace

import pytest
from click.testing import CliRunner

from edm_core.cli.train import train
from edm_core.errors import TrainingError
from edm_core.naming import check_run_name
from edm_core.training.config import (
    BACKBONE_NAMES,
    OPTIONS,
    TrainingConfig,
    default_run_name,
    from_dict,
    from_params,
    to_command,
)


def test_each_field_is_one_option_with_a_sentence() -> None:
    assert list(OPTIONS) == [field.name for field in fields(TrainingConfig)]
    for option in OPTIONS.values():
        assert option.help.endswith("."), option.name
    flags = [option.flag for option in OPTIONS.values()]
    assert len(set(flags)) == len(flags)


def test_the_guide_names_the_params() -> None:
    params = TrainingConfig(learning_rate=0.01, batch_size=8).params()
    assert params["learning_rate"] == "0.01"
    assert params["batch_size"] == "8"
    assert {"epochs", "backbone", "seed"} <= set(params)
    assert not {"run_name", "resume", "hypothesis"} & set(params)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"learning_rate": 0.0}, "--lr"),
        ({"learning_rate": float("nan")}, "--lr"),
        ({"epochs": 0}, "--epochs"),
        ({"train_split": 1.0}, "--train-split"),
        ({"backbone": "transformer"}, "--backbone"),
        ({"seed": 2**32}, "--seed"),
        ({"resume": True}, "--resume"),
        ({"boundary": False, "energy": False, "beat": False}, "--no-boundary, --no-energy, --no-beat and --no-label"),
        ({"boundary_weight": 0.0, "energy": False, "beat_weight": 0.0}, "--boundary-weight, --beat-weight"),
    ],
)
def test_a_fault_names_the_option_as_typed(changes: dict[str, object], named: str) -> None:
    with pytest.raises(TrainingError) as caught:
        TrainingConfig(**changes)  # type: ignore[arg-type]
    assert named in caught.value.message


@pytest.mark.parametrize(("name", "text"), [("epochs", "ten"), ("learning_rate", "1e-3x"), ("beat", "perhaps")])
def test_text_that_is_no_value_is_refused_as_one_types(name: str, text: str) -> None:
    with pytest.raises(TrainingError, match=OPTIONS[name].flag):
        OPTIONS[name].parse(text)


def test_the_command_gives_back_the_config() -> None:
    config = TrainingConfig(
        annotations="data/jams", run_name="a b", learning_rate=1e-4, duration=12.3456789, beat=False, label=True,
        scheduler="linear", resume=True, hypothesis="it's \"better\"",
    )  # fmt: skip
    caught: list[TrainingConfig] = []

    def keep(annotations: object, as_json: bool, **values: object) -> None:
        caught.append(TrainingConfig(annotations=str(annotations), **values))  # type: ignore[arg-type]

    command = to_command(config)
    assert command[:3] == ["edm", "train", "data/jams"]
    assert "--epochs" not in command
    train_callback, train.callback = train.callback, keep
    try:
        result = CliRunner().invoke(train, command[2:])
    finally:
        train.callback = train_callback
    assert result.exit_code == 0, result.output
    assert caught == [config]


def test_params_of_a_run_prefill_the_config() -> None:
    config = TrainingConfig(learning_rate=0.02, label=True, epochs=7)
    assert from_params(config.params()) == config
    foreign = {"learning_rate": "fast", "dropout": "0.1", "epochs": "5", "run_name": "x", "train_split": "7"}
    assert from_params(foreign) == TrainingConfig(epochs=5)


def test_a_config_survives_its_file() -> None:
    config = TrainingConfig(run_name="x", learning_rate=1e-5, beat=False)
    assert from_dict(config.to_dict()) == config
    assert from_dict({**config.to_dict(), "learning_rate": "1e-05", "of_a_later_version": 3}) == config


def test_the_default_name_is_one_that_a_run_may_have() -> None:
    now = dt.datetime(2026, 11, 23, 9, 5, 7, tzinfo=dt.UTC)
    assert default_run_name(TrainingConfig(), now) == "run_20261123_090507_cnn"
    named = default_run_name(replace(TrainingConfig(), description="Lower lr / ../x"), now)
    check_run_name(named)
    assert named == "run_20261123_090507_cnn_lower_lr_x"


def test_nothing_heavy_is_imported_for_the_options() -> None:
    code = (
        "import sys, edm_core.cli.train, edm_core.training; "
        "print(sorted({'torch', 'mlflow', 'numpy', 'lightning_fabric', 'dvc', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_named_backbone_is_there() -> None:
    from edm_core.training.model import BACKBONES

    assert tuple(BACKBONES) == BACKBONE_NAMES
