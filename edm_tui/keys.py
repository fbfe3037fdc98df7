"""The one table of all keys. Bindings, footer, `?` help and the README's list come from it.

The key `K` runs the verb `keep`: the screen's method `do_keep`, or else the app's.
"""

from dataclasses import dataclass

from textual.binding import Binding

SCREENS = (
    "runs", "charts", "diff", "track", "models", "jobs", "storage", "doctor", "tail", "commands", "parallel", "scatter",
    "sweeps",
)  # fmt: skip
EVERYWHERE = SCREENS
LISTS = ("runs", "diff", "models", "jobs", "storage", "doctor", "commands", "tail", "sweeps")
FIELDS = ("parallel", "scatter")
MOVES = (*LISTS, "charts", "track", *FIELDS)
CHARTS = ("charts",)
MARKED = ("runs", "jobs", "models", *FIELDS)
TIMED = (*CHARTS, "track")
SCALED = (*CHARTS, *FIELDS)
WITH_FIELDS = ("runs", *CHARTS, *FIELDS, "sweeps")
FILTERED = ("runs", "models", "tail", "commands", "charts")
COMPARED = ("runs", "diff")
RUN_SCREENS = ("runs", "charts", "diff", "models", "jobs", "tail", "sweeps")
KEPT_SCREENS = (*RUN_SCREENS, "storage")


OWN = {"models": "model"}
"""Screens on which the verbs of one group come first in the footer."""


@dataclass(frozen=True, slots=True)
class Key:
    """One verb and its keys.

    `keys` are Textual's key names or single characters, `shown` is how the interface writes them, `label` the
    footer's word, `help` the sentence of `?`, `contexts` the screens where the verb is valid. Verbs with a higher
    `weight` stay in a narrow footer; those with 0 are never in it.
    """

    keys: tuple[str, ...]
    shown: str
    verb: str
    label: str
    help: str
    group: str
    contexts: tuple[str, ...] = EVERYWHERE
    weight: int = 0


KEYS: tuple[Key, ...] = (
    Key(("j", "down"), "j ↓", "down", "down", "Move down.", "move", MOVES),
    Key(("k", "up"), "k ↑", "up", "up", "Move up.", "move", MOVES),
    Key(("g", "home"), "g", "top", "top", "Go to the first line.", "move", MOVES),
    Key(("G", "end"), "G", "bottom", "bottom", "Go to the last line.", "move", MOVES),
    Key(("pagedown",), "pgdn", "page_down", "page down", "Move down by a page.", "move", MOVES),
    Key(("pageup",), "pgup", "page_up", "page up", "Move up by a page.", "move", MOVES),
    Key(("right",), "→", "right", "right", "Show the next columns; the name stays.", "move", LISTS),
    Key(("left",), "←", "left", "left", "Show the columns before.", "move", LISTS),
    Key(("enter",), "enter", "open", "open", "Open what is under the cursor.", "move", MOVES, 30),
    Key(("escape",), "esc", "back", "back", "Step out one layer.", "move", EVERYWHERE, 0),
    Key(
        ("space",),
        "space",
        "mark",
        "mark",
        "Mark the run; marks make every verb a batch.",
        "choose",
        MARKED,
        40,
    ),
    Key(("/",), "/", "filter", "filter", "Narrow by name as you type.", "choose", FILTERED, 60),
    Key(("f",), "f", "query", "query", "Narrow by a query in MLflow's language.", "choose", ("runs",)),
    Key(("s",), "s", "sort", "sort", "Sort by one field or several.", "choose", ("runs",), 35),
    Key(("S",), "S", "reverse", "reverse", "Turn the order round.", "choose", ("runs",)),
    Key(("c",), "c", "columns", "columns", "Choose the columns.", "choose", ("runs",), 34),
    Key(("b",), "b", "baseline", "baseline", "Compare with this run; on a diff with the next.", "choose", COMPARED, 48),
    Key(("B",), "B", "group", "group", "Group by a param, tag or attribute, or show a tree.", "choose", ("runs",), 27),
    Key(("-",), "-", "fold", "fold", "Fold or unfold a group, or the children of a run.", "choose", ("runs",)),
    Key(("=",), "=", "fold_all", "fold all", "Fold all, or unfold all.", "choose", ("runs",)),
    Key(("V",), "V", "views", "views", "Choose, save or delete a view.", "choose", ("runs",), 26),
    Key(("E",), "E", "experiment", "experiment", "Show another experiment, or all.", "choose", ("runs",), 24),
    Key(("a",), "a", "all", "all", "All, or only what differs.", "choose", ("diff",), 50),
    Key(("K",), "K", "keep", "keep", "Keep: dvc add, git commit, MLflow tags.", "run", KEPT_SCREENS, 95),
    Key(("D",), "D", "discard", "discard", "Discard: move the run folder to the trash.", "run", KEPT_SCREENS, 85),
    Key(("P",), "P", "push", "push", "Push the run's data, then git.", "run", KEPT_SCREENS, 80),
    Key(("p",), "p", "pull", "pull", "Pull the run's data.", "run", KEPT_SCREENS, 32),
    Key(("z",), "z", "undo", "undo", "Undo the last action.", "run", EVERYWHERE, 45),
    Key((">",), ">", "promote", "promote", "Promote one stage.", "model", RUN_SCREENS, 55),
    Key(("<",), "<", "demote", "demote", "Demote one stage.", "model", RUN_SCREENS, 20),
    Key(("R",), "R", "register", "register", "Register as a model version.", "model", RUN_SCREENS, 33),
    Key(("b",), "b", "roll_back", "roll back", "Go back to what was in Production before.", "model", ("models",), 54),
    Key(("A",), "A", "alias", "alias", "Set or delete an alias.", "model", ("models",), 34),
    Key(("w",), "w", "download", "download", "Download the model with a manifest.", "model", ("models",), 26),
    Key(("i",), "i", "verify", "verify", "Check the stored model's hashes.", "model", ("models",), 25),
    Key(("S",), "S", "serve_check", "serve check", "Predict in a clean environment.", "model", ("models",), 24),
    Key(("n",), "n", "new", "new", "New run.", "run", EVERYWHERE, 90),
    Key(
        ("N",),
        "N",
        "new_from",
        "new from",
        "New run from this one; marked ones are launched again.",
        "run",
        RUN_SCREENS,
        25,
    ),
    Key(("t",), "t", "tail", "tail", "Follow the run's log and progress live.", "run", RUN_SCREENS, 75),
    Key(("x",), "x", "stop", "stop", "Stop the job, or the push or pull.", "run", (*RUN_SCREENS, "storage"), 50),
    Key(("h",), "h", "hold", "hold", "Hold a waiting job, or release it.", "job", ("jobs",), 49),
    Key(("u",), "u", "sooner", "sooner", "Let a waiting job start one place sooner.", "job", ("jobs",), 48),
    Key(("b",), "b", "later", "later", "Let a waiting job start one place later.", "job", ("jobs",), 47),
    Key(("d",), "d", "diff", "diff", "Compare the marked runs; the first is the baseline.", "run", RUN_SCREENS, 70),
    Key((), ":new sweep", "sweep", "new sweep", "Try many values of a training's fields.", "job", ("runs", "jobs")),
    Key(("W",), "W", "another_sweep", "new sweep", "Try many values of a training's fields.", "job", ("sweeps",), 80),
    Key(("C",), "C", "continue_sweep", "continue", "Go on with a sweep that was stopped.", "job", ("sweeps",), 60),
    Key(("v",), "v", "charts", "charts", "Charts of the marked runs.", "run", RUN_SCREENS, 31),
    Key(("e",), "e", "edit", "edit", "Edit name, note, tags and metadata.", "run", RUN_SCREENS, 42),
    Key((), ":delete", "delete", "delete", "Delete in MLflow alone; folders stay.", "run", ("runs",)),
    Key((), ":undelete", "undelete", "undelete", "Restore a run that was deleted in MLflow.", "run", ("runs",)),
    Key(("y",), "y", "copy", "copy", "Copy id, path or value.", "run", (*KEPT_SCREENS, "doctor", "commands"), 28),
    Key(("o",), "o", "export", "export", "Export the table.", "run", ("runs", "diff", "charts")),
    Key(
        ("T",),
        "T",
        "tensorboard",
        "tensorboard",
        "TensorBoard on the marked folders, or stop it.",
        "run",
        ("runs", "charts"),
    ),
    Key(("r",), "r", "refresh", "refresh", "Read the stores again.", "screen", EVERYWHERE, 22),
    Key(("1",), "1", "runs", "Runs", "The Runs screen.", "screen"),
    Key(("2",), "2", "charts_screen", "Charts", "The Charts screen.", "screen"),
    Key(("3",), "3", "diff_screen", "Diff", "The Diff screen.", "screen"),
    Key(("4",), "4", "models", "Models", "The Models screen.", "screen"),
    Key(("W",), "W", "sweeps", "sweeps", "Sweeps: their trials and the best so far.", "screen", ("runs", "jobs"), 12),
    Key(("5",), "5", "jobs", "Jobs", "The Jobs screen.", "screen"),
    Key(("6",), "6", "storage", "Storage", "The Storage screen.", "screen"),
    Key(
        ("@",), "@", "commands", "commands", "The git, dvc and mlflow commands that were run.", "screen", EVERYWHERE, 15
    ),
    Key(("H",), "H", "doctor", "doctor", "Doctor: what is wrong here, and its mend.", "screen", EVERYWHERE, 14),
    Key(("+",), "+", "enlarge", "enlarge", "Enlarge the pane beside the table.", "screen", ("runs", "tail")),
    Key(("_",), "_", "shrink", "shrink", "Shrink the pane beside the table.", "screen", ("runs", "tail")),
    Key(("u",), "u", "restore", "restore", "Take the entry out of the trash again.", "storage", ("storage",), 62),
    Key(("X",), "X", "purge", "purge", "Purge the trash: a dry run, then for good.", "storage", ("storage",), 61),
    Key(("C",), "C", "collect", "gc", "Free DVC's cache: a dry run, then for good.", "storage", ("storage",), 60),
    Key(("m",), "m", "mend", "mend", "Mend the finding, after showing how.", "doctor", ("doctor",), 92),
    Key(("M",), "M", "mend_all", "mend all", "Mend all that can be, after showing how.", "doctor", ("doctor",), 91),
    Key(("i",), "i", "deep", "check hashes", "Also hash every object kept runs need.", "doctor", ("doctor",), 63),
    Key(("!",), "!", "first_error", "first error", "Go to the first error of the log.", "tail", ("tail",), 65),
    Key(("&",), "&", "only_matching", "only matching", "Only the lines that match the search.", "tail", ("tail",)),
    Key(("m",), "m", "times", "times", "When each line came, or not.", "tail", ("tail",), 39),
    Key(("w",), "w", "wrap", "wrap", "Wrap long lines, or cut them.", "tail", ("tail",), 40),
    Key(("left",), "←", "step_back", "step back", "The value cursor back, or the chart before.", "chart", TIMED),
    Key(("right",), "→", "step_on", "value at", "The value cursor on, or the next chart.", "chart", TIMED, 29),
    Key(("]",), "]", "zoom_in_x", "zoom in x", "Show less of the x axis.", "chart", TIMED, 27),
    Key(("[",), "[", "zoom_out_x", "zoom out x", "Show more of the x axis.", "chart", TIMED, 26),
    Key(("}",), "}", "zoom_in_y", "zoom in y", "Show less of the y axis.", "chart", CHARTS, 25),
    Key(("{",), "{", "zoom_out_y", "zoom out y", "Show more of the y axis.", "chart", CHARTS, 24),
    Key(("(",), "(", "pan_back", "pan back", "Move the view back along x.", "chart", CHARTS, 19),
    Key((")",), ")", "pan_on", "pan on", "Move the view on along x.", "chart", CHARTS, 18),
    Key(("0",), "0", "reset_view", "reset", "Show the whole chart again.", "chart", TIMED, 23),
    Key(("u",), "u", "unit", "x unit", "x by step, by epoch, by relative time, by time of day.", "chart", CHARTS, 58),
    Key(("l",), "l", "log_scale", "log", "y linear or logarithmic, also through zero.", "chart", SCALED, 57),
    Key(("m",), "m", "smooth", "smooth", "Smooth more; after the most not at all.", "chart", CHARTS, 56),
    Key(("i",), "i", "outliers", "outliers", "Let outliers fall off the y axis, or not.", "chart", CHARTS, 21),
    Key(("|",), "|", "parallel", "parallel", "Params and metrics of all runs in parallel.", "chart", WITH_FIELDS, 17),
    Key((".",), ".", "scatter", "scatter", "Any param or metric against any other.", "chart", WITH_FIELDS, 16),
    Key(("left",), "←", "field_back", "axis before", "The axis, or the run, on the left.", "chart", FIELDS),
    Key(("right",), "→", "field_on", "next axis", "The axis, or the run, on the right.", "chart", FIELDS, 29),
    Key(("X",), "X", "axis_x", "x axis", "What stands on x; add or take away an axis.", "chart", FIELDS, 54),
    Key(("Y",), "Y", "axis_y", "y axis", "What stands on y, and what params are judged by.", "chart", FIELDS, 53),
    Key(("L",), "L", "log_x", "log x", "x linear or logarithmic.", "chart", ("scatter",), 52),
    Key((":", "ctrl+p"), ":", "palette", "all", "Every verb by name.", "help", EVERYWHERE, 98),
    Key(("?",), "?", "help", "keys", "The keys that are valid here.", "help", EVERYWHERE, 99),
    Key(("q",), "q", "quit", "quit", "Quit; jobs go on.", "help", EVERYWHERE, 0),
)

BY_VERB = {key.verb: key for key in KEYS}


def keys_for(context: str) -> list[Key]:
    """The keys valid on a screen, in the table's order."""
    return [key for key in KEYS if context in key.contexts]


def bindings_for(context: str) -> list[Binding]:
    """Textual's bindings of a screen: each runs `action_verb` with the verb's name."""
    return [
        Binding(name, f"verb('{key.verb}')", key.help, show=False) for key in keys_for(context) for name in key.keys
    ]


def footer_keys(context: str, limit: int | None = None) -> list[Key]:
    """The footer's keys, the screen's own ones first, then the weightiest; `limit` of them where it is narrow."""
    own = OWN.get(context)
    keys = sorted((key for key in keys_for(context) if key.weight), key=lambda key: (key.group != own, -key.weight))
    return keys[:limit]


GROUPS = {
    "move": "Move",
    "choose": "Choose",
    "run": "Runs",
    "model": "Models",
    "screen": "Screens",
    "job": "Jobs",
    "storage": "Storage",
    "doctor": "Doctor",
    "tail": "Tail",
    "chart": "Charts",
    "help": "Help",
}


def readme_list() -> str:
    """The README's list of keys: one line for each group."""
    lines = []
    for group, title in GROUPS.items():
        found = [f"{_quoted(key.shown)} {key.label}" for key in KEYS if key.group == group]
        lines.append(f"- {title}: {' · '.join(found)}")
    return "\n".join(lines)


def _quoted(shown: str) -> str:
    return " ".join(f"`{one}`" for one in shown.split())
