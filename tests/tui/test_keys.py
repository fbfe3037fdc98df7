"""The one table of keys: nothing twice, nothing without a word, and every verb has something that does it."""

from collections import Counter
from pathlib import Path

import pytest

from edm_tui import verbs
from edm_tui.app import EdmApp
from edm_tui.keys import BY_VERB, KEYS, SCREENS, bindings_for, footer_keys, keys_for, readme_list
from edm_tui.opening import FORMS, VIEWS
from edm_tui.screens.runs import RunsScreen

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("context", SCREENS)
def test_no_key_is_bound_twice_on_a_screen(context: str) -> None:
    counts = Counter(name for key in keys_for(context) for name in key.keys)
    assert [name for name, count in counts.items() if count > 1] == []


def test_no_verb_is_there_twice() -> None:
    assert len(BY_VERB) == len(KEYS)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.verb)
def test_every_key_is_documented(key: object) -> None:
    found = next(one for one in KEYS if one is key)
    assert found.shown
    assert found.label
    assert found.help.endswith(".")
    assert found.contexts
    assert set(found.contexts) <= set(SCREENS)


@pytest.mark.parametrize("key", keys_for("runs"), ids=lambda key: key.verb)
def test_every_verb_of_the_runs_screen_does_something(key: object) -> None:
    verb = next(one for one in KEYS if one is key).verb
    methods = hasattr(RunsScreen, f"do_{verb}") or hasattr(EdmApp, f"do_{verb}")
    assert methods or verb in {*VIEWS, *FORMS, *verbs.VERBS}


def test_bindings_run_the_verb_of_their_key() -> None:
    actions = {binding.key: binding.action for binding in bindings_for("runs")}
    assert actions["K"] == "verb('keep')"
    assert actions["j"] == actions["down"] == "verb('down')"
    assert "exclamation_mark" not in actions
    assert "!" not in actions


def test_a_narrow_footer_keeps_the_weightiest() -> None:
    assert [key.verb for key in footer_keys("runs", 3)] == ["help", "palette", "keep"]


def test_the_readme_lists_the_keys() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.split("<!-- keys -->")[1].split("<!-- /keys -->")[0].strip() == readme_list()
