"""Export of a chart: its picture or its points."""

import re
from pathlib import Path

from edm_core.actions.chart_export import Series, save_chart
from edm_core.curves.figure import Chart
from edm_tui.screens.base import EdmScreen
from edm_tui.screens.writing import ask_export

_HINT = "name.svg or .png for the picture, .csv for the points"


def export_chart(screen: EdmScreen, chart: Chart, series: Series) -> None:
    """Ask for a file name, and write there what its ending says."""

    def write(path: Path) -> None:
        save_chart(screen.services.workspace, path, chart, series)

    first = re.sub(r"[^A-Za-z0-9_.-]+", "_", chart.title).strip("_.") or "chart"
    ask_export(screen, f"Export {chart.title} to", f"{first}.svg", _HINT, write)
