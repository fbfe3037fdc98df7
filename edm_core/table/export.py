"""A sheet into a file: CSV, JSON, Markdown or Parquet, whole or not at all."""

import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edm_core.errors import ActionError

if TYPE_CHECKING:
    import pandas as pd

FORMATS = {".csv": "csv", ".json": "json", ".md": "markdown", ".parquet": "parquet"}


def format_of(path: Path, given: str = "") -> str:
    """The format that was given, else the one that the path ends in. Raises ActionError."""
    found = given or FORMATS.get(path.suffix.lower(), "")
    if not found:
        endings = ", ".join(FORMATS)
        raise ActionError(f"{path.name} ends in none of {endings}", "The ending says what is written.")
    return found


def write_sheet(
    path: Path, kind: str, titles: Sequence[str], rows: Iterable[Sequence[Any]], *, replace: bool = False
) -> int:
    """Write the rows and return how many there were. Raises ActionError when the path is taken (without `replace`) or
    cannot be written; then all is as before."""
    frame = as_frame(titles, rows)
    with _placed(path, replace) as part:
        if kind == "parquet":
            _parquet(frame, part)
        else:
            part.write_text(as_text(frame, kind), encoding="utf-8")
    return len(frame)


def as_frame(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> "pd.DataFrame":
    """Values as they are: a missing one is None, and NaN stays NaN."""
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(titles), dtype=object)


def as_text(frame: "pd.DataFrame", kind: str) -> str:
    """The frame as CSV, JSON (a list of objects) or Markdown."""
    if kind == "json":
        records = [{title: _plain(value) for title, value in row.items()} for row in frame.to_dict(orient="records")]
        return json.dumps(records, indent=1, ensure_ascii=False) + "\n"
    if kind == "markdown":
        cells = frame.map(_cell)
        cells.columns = [_cell(title) for title in frame.columns]
        return str(cells.to_markdown(index=False, disable_numparse=True)) + "\n"
    return str(frame.map(_csv).to_csv(index=False))


def _plain(value: Any) -> Any:
    """As JSON has it: NaN and infinities as "nan", "inf" and "-inf"."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _csv(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(_plain(value)) if isinstance(value, list) else value


def _cell(value: Any) -> str:
    """For the eye: six digits, no line ends, nothing that would break the table."""
    if value is None:
        return ""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())


def _parquet(frame: "pd.DataFrame", path: Path) -> None:
    try:
        frame.to_parquet(path, index=False)
    except ImportError as error:
        raise ActionError("Parquet needs pyarrow, which is not here", "pip install pyarrow, or write CSV.") from error


@contextmanager
def _placed(path: Path, replace: bool) -> Iterator[Path]:
    """A name to write to, which takes the place of `path` when all was written."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.touch(exist_ok=False)
        yield part
        if replace:
            part.replace(path)
        else:
            # A link fails where the name is taken, in one step: nothing is ever written over unasked.
            os.link(part, path)
    except FileExistsError as error:
        raise ActionError(
            f"{path} is there already", "Choose another name; by command line --force replaces it."
        ) from error
    except OSError as error:
        raise ActionError(f"{path} cannot be written: {error.strerror or error}", "Choose another place.") from error
    finally:
        part.unlink(missing_ok=True)
