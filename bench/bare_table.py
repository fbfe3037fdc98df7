"""The peer of `first_frame`: a bare Textual app that paints a DataTable of 100 rows and 15 columns."""

from textual.app import App, ComposeResult
from textual.widgets import DataTable

ROWS, COLUMNS = 100, 15


class BareTable(App[None]):
    """Nothing but the table."""

    def compose(self) -> ComposeResult:
        yield DataTable[str]()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns("run", *(f"column {number}" for number in range(1, COLUMNS)))
        for row in range(ROWS):
            table.add_row(f"run_{row}", *(f"{row * number / 7:.4f}" for number in range(1, COLUMNS)))


if __name__ == "__main__":
    BareTable().run()
