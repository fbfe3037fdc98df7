"""What the Diff screen reads or writes only when asked: an opened entry's patch or curves, and an export."""

from collections.abc import Sequence
from pathlib import Path

from edm_core.actions.chart_export import save_text
from edm_core.curves.history import from_points
from edm_core.curves.lines import Line
from edm_core.errors import ActionError, EdmError
from edm_core.snapshots.diff import RunDiff
from edm_core.snapshots.runs import RunRow
from edm_core.workspace import Workspace
from edm_tui import themes
from edm_tui.screens.base import EdmScreen
from edm_tui.screens.writing import ask_export
from edm_tui.services import Services
from edm_tui.widgets.diff_opened import Opened


async def read_entry(services: Services, rows: Sequence[RunRow], section: str, key: str) -> Opened | None:
    """What an entry shows beyond its values; None where these are all there is."""
    try:
        if section == "code":
            found = await services.in_thread(_patches, services.workspace, rows, key)
            return Opened(tuple(found)) if found is not None else None
        if section == "metrics":
            return await _curves(services, rows, key)
    except EdmError as error:
        return Opened(problem=error.message)
    return None


def _patches(workspace: Workspace, rows: Sequence[RunRow], key: str) -> list[tuple[str, str]] | None:
    from edm_core.diff.code import UNCOMMITTED, file_patches, uncommitted
    from edm_core.stores.run_files import RunFiles

    if key == "commit":
        return None
    if key == UNCOMMITTED:
        files = RunFiles(workspace)
        found = [(row.name, uncommitted(files, row)) for row in rows]
    else:
        patches = file_patches(workspace, rows, key)
        found = [(f"{rows[0].name} → {row.name}", patch) for row, patch in zip(rows, patches, strict=True)]
    return [(title, patch) for title, patch in found if patch]


async def _curves(services: Services, rows: Sequence[RunRow], key: str) -> Opened:
    metric = key.removeprefix("best ")
    curves = []
    for index, row in enumerate(rows):
        points = (await services.detail(row)).histories.get(metric)
        if points is None:
            points = (await services.detail(row)).histories.get(key, ())
        history = from_points([(step, 0, value) for step, value in points])
        curves.append(Line(row.name, history, themes.run_mark(row.row_id), index > 0))
    return Opened(curves=tuple(curves), colours=tuple(themes.run_colour(row.row_id) for row in rows))


def export_diff(screen: EdmScreen, diff: RunDiff, everything: bool) -> None:
    """Ask for a file name, and write there what its ending says: Markdown or JSON. Nothing is ever written over."""

    def write(path: Path) -> None:
        save_text(path, _text(diff, path, everything))

    ask_export(screen, "Export the diff to", "diff.md", "name.md for Markdown, name.json for JSON", write)


def _text(diff: RunDiff, path: Path, everything: bool) -> str:
    import json

    from edm_core.cli.output import plain
    from edm_core.diff.document import document, markdown

    if path.suffix == ".md":
        return markdown(diff, everything)
    if path.suffix == ".json":
        return json.dumps(plain(document(diff, everything)), indent=2, ensure_ascii=False) + "\n"
    raise ActionError(f"{path.name} ends neither in .md nor in .json", "The ending says what is written.")
