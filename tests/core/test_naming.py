"""Names that become folders."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edm_core.errors import RunNameError
from edm_core.naming import check_run_name, naming_warnings


@pytest.mark.parametrize(
    "name",
    ["", " ", "a/b", "a\\b", "..", "a..b", "-rf", ".hidden", "a\x1b[31m", "a\nb", "a" * 101, "a\u202eb", "x.dvc", " a"],
)
def test_names_that_cannot_be_folders_are_refused(name: str) -> None:
    with pytest.raises(RunNameError) as caught:
        check_run_name(name)
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("name", ["mert95m_baseline", "cnn_lr1e-3", "größe_ä", "a.b", "x" * 100, "with space"])
def test_good_names_pass(name: str) -> None:
    check_run_name(name)


@given(st.text(max_size=120))
def test_what_passes_is_one_folder_below_its_parent(name: str) -> None:
    try:
        check_run_name(name)
    except RunNameError:
        return
    assert (Path("/runs") / name).resolve().parent == Path("/runs")


@pytest.mark.parametrize("name", ["test", "test2", "run_20231215", "final_final_v3", "model_v2", "baseline", "my run"])
def test_bad_ideas_are_warned_about(name: str) -> None:
    assert naming_warnings(name)


@pytest.mark.parametrize(
    "name", ["mert95m_baseline", "cnn_lr1e-3", "aug_heavy_dropout0.3", "run_20231215_101112_cnn_wide"]
)
def test_good_names_draw_no_warning(name: str) -> None:
    assert naming_warnings(name) == []
