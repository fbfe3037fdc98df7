"""Export of a chart: asks where to, and says what came of it."""

import re
from pathlib import Path

from edm_core.actions.chart_export import Series, save_chart
from edm_core.curves.figure import Chart
from edm_core.errors import EdmError
from edm_tui.dialogs.text_prompt import TextPrompt
from edm_tui.formatting import clean
from edm_tui.screens.base import EdmScreen

HINT = "name.svg or .png for the picture, .csv for the points"


def ask_export(screen: EdmScreen, chart: Chart, series: Series) -> None:
    """Ask for a file name, and write there what its ending says."""

    async def write(path: Path) -> None:
        services = screen.services
        try:
            await services.in_thread(save_chart, services.workspace, path, chart, series)
        except EdmError as error:
            screen.host.show_error(error.message, error.hint)
        else:
            screen.notify(f"written: {clean(str(path))}", markup=False)

    def answered(name: str | None) -> None:
        if name:
            path = screen.services.workspace.root / Path(name).expanduser()
            screen.run_worker(write(path), group="export")

    first = re.sub(r"[^A-Za-z0-9_.-]+", "_", chart.title).strip("_.") or "chart"
    screen.app.push_screen(TextPrompt(f"Export {chart.title} to ({HINT})", f"{first}.svg", HINT), answered)
