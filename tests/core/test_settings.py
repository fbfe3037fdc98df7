"""edm.toml through typed settings: defaults, overrides, and faults that name file, section and key."""

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edm_core.errors import SettingsError
from edm_core.settings import Settings, load_settings


def write(root: Path, text: str) -> Path:
    (root / "edm.toml").write_text(text, encoding="utf-8")
    return root


def test_an_empty_or_missing_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {}) == Settings()
    assert load_settings(write(tmp_path, ""), {}) == Settings()


def test_the_file_wins_over_defaults_and_the_environment_over_the_file(tmp_path: Path) -> None:
    write(tmp_path, '[metrics]\nprimary = "f1"\n[launch]\nslots = 2\n')
    assert load_settings(tmp_path, {}).metrics.primary == "f1"
    settings = load_settings(tmp_path, {"EDM_METRICS_PRIMARY": "acc", "EDM_LAUNCH_SLOTS": "3", "EDM_TUI_MOUSE": "no"})
    assert (settings.metrics.primary, settings.launch.slots, settings.tui.mouse) == ("acc", 3, False)


def test_mlflows_own_variable_wins_over_everything(tmp_path: Path) -> None:
    write(tmp_path, '[tracking]\nuri = "sqlite:///a.db"\n')
    env = {"EDM_TRACKING_URI": "sqlite:///b.db", "MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}
    assert load_settings(tmp_path, env).tracking.uri == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[nonsense]\n", "nonsense"),
        ("[metrics]\nprimry = 'x'\n", "primry"),
        ("[metrics]\nprimary = 3\n", "primary"),
        ("[launch]\nslots = true\n", "slots"),
        ("[launch]\nslots = -1\n", "slots"),
        ("[launch]\nlog_cap_mb = -1\n", "log_cap_mb"),
        ("[metrics]\ndirections = {f1 = 'up'}\n", "directions.f1"),
        ("[runs]\ndir = '../elsewhere'\n", "dir"),
        ("[runs]\ndir = ''\n", "dir"),
        ("[keep]\nexclude = 'x'\n", "exclude"),
        ("metrics = 3\n", "metrics"),
        ("[metrics\n", "edm.toml"),
    ],
)
def test_a_fault_names_the_file_and_the_key(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(tmp_path, text), {})
    assert "edm.toml" in caught.value.message
    assert named in caught.value.message


def test_a_variable_that_is_no_number_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="EDM_LAUNCH_SLOTS"):
        load_settings(tmp_path, {"EDM_LAUNCH_SLOTS": "many"})


@given(st.binary(max_size=60))
def test_no_file_content_crashes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    root = tmp_path_factory.mktemp("any")
    (root / "edm.toml").write_bytes(content)
    faults = []
    try:
        load_settings(root, {})
    except SettingsError as error:
        faults.append(error.message)
    assert all("edm.toml" in fault for fault in faults)


@pytest.mark.parametrize(
    ("metric", "less"), [("val_loss", True), ("boundary_f1", False), ("word_error_rate", True), ("accuracy", False)]
)
def test_directions_are_inferred_from_names(metric: str, less: bool) -> None:
    assert Settings().metrics.minimised(metric) is less


def test_a_declared_direction_wins(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, '[metrics]\ndirections = { val_loss = "max" }\n'), {})
    assert not settings.metrics.minimised("val_loss")


def test_every_setting_has_a_sentence() -> None:
    source = Path(__file__).parents[2].joinpath("edm_core", "settings.py").read_text().splitlines()
    for section in fields(Settings):
        for field in fields(getattr(Settings(), section.name)):
            line = next(i for i, text in enumerate(source) if text.startswith(f"    {field.name}: "))
            assert source[line + 1].strip().startswith('"""'), field.name


@pytest.mark.parametrize("uri", ["postgresql://u:se/cret@h/db", "postgresql://u:secret@h:abc/db", "http://[::1/x"])
def test_an_address_that_cannot_be_read_is_told_without_its_password(tmp_path: Path, uri: str) -> None:
    with pytest.raises(SettingsError, match="MLFLOW_TRACKING_URI is no address") as caught:
        load_settings(tmp_path, {"MLFLOW_TRACKING_URI": uri})
    assert "cret" not in caught.value.message
    assert "%2F" in caught.value.hint


@pytest.mark.parametrize("uri", ["databricks", "databricks://profile", "databricks-uc", "uc:http://h"])
def test_databricks_is_refused_and_not_taken_as_a_path(tmp_path: Path, uri: str) -> None:
    with pytest.raises(SettingsError, match=r"MLFLOW_TRACKING_URI .* not supported") as caught:
        load_settings(tmp_path, {"MLFLOW_TRACKING_URI": uri})
    assert "sqlite:///" in caught.value.hint
    (tmp_path / "edm.toml").write_text(f'[tracking]\nuri = "{uri}"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"\[tracking\] uri"):
        load_settings(tmp_path, {})
