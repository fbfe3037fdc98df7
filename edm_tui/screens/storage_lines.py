"""What the Storage screen says, as lines: the answer on top, sizes, what is only here, what is shared, the trash."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.text import Text

from edm_core.actions.safety import DATA
from edm_core.actions.storage import ARTIFACTS, CACHE, PARTS, RUNS, TRASH
from edm_core.actions.trash import EXCLUDED, Slot
from edm_core.snapshots.storage import LocalCommit, OnlyHere, Safety, Shared, Size
from edm_tui.formatting import age, count, duration, size
from edm_tui.widgets.cells import Cell, Column, cut, layout, plain
from edm_tui.widgets.line_list import Line

QUESTION = "Safe to lose this machine?"
WIDE = 120
COLUMNS = (Column("", flex=True), Column("", right=True), Column("", right=True), Column("", flex=True))
MOST = 100
"""Lines of one section; the rest is counted."""


@dataclass(frozen=True, slots=True)
class StorageFacts:
    """What is known so far; None is not known yet."""

    safety: Safety | None = None
    sizes: Mapping[str, Size] = field(default_factory=dict)
    shared: tuple[Shared, ...] | None = None
    trash: tuple[Slot, ...] = ()
    disk_free: int | None = None
    opened: frozenset[str] = frozenset()
    """Keys of lines that show more."""


def answer(safety: Safety | None, width: int) -> Text:
    """The headline, and the key that makes it a yes."""
    if safety is None:
        return Text(f" {QUESTION}   looking …", end="")
    if safety.safe:
        text = Text(f" {QUESTION}   ", end="").append("YES", "bold $success")
        return text.append(": what is kept was seen on the remote, every commit is pushed", "not bold")
    wide = width >= WIDE
    text = Text(f" {QUESTION}{'   ' if wide else ' '}", end="").append("NO", "bold $error")
    # Where there is little room, the heading below says that this is only here.
    text.append(f": {only_here(safety) if wide else _counted(safety)[0]}")
    if wide and (safety.only_here or safety.commit_count):
        text.append("      P push all")
    return text


def only_here(safety: Safety) -> str:
    """`2 kept runs (3.1 GB, about 4 min) and 1 commit are only here`."""
    counted, one = _counted(safety)
    return f"{counted} {'is' if one else 'are'} only here"


def _counted(safety: Safety) -> tuple[str, bool]:
    """What is only here, and whether it is a single thing."""
    parts = []
    if safety.only_here:
        seconds = safety.seconds
        eta = f", about {duration(max(1.0, seconds))}" if seconds is not None else ""
        parts.append(f"{_kept(safety.only_here)} ({size(safety.bytes)}{eta})")
    if safety.commit_count:
        parts.append(_many(safety.commit_count, "commit"))
    if safety.uncommitted:
        parts.append(_many(len(safety.uncommitted), "uncommitted pointer"))
    last = parts.pop()
    one = not parts and last.startswith(("1 ", "the "))
    return f"{', '.join(parts)}{' and ' if parts else ''}{last}", one


def _kept(items: Sequence[OnlyHere]) -> str:
    """`2 kept runs`, `the data set`, or both."""
    runs = sum(1 for item in items if item.run != DATA)
    return " and ".join(
        [*([_many(runs, "kept run")] if runs else []), *(["the data set"] if runs < len(items) else [])]
    )


def storage_lines(facts: StorageFacts, now: float, width: int) -> tuple[Text, list[Line]]:
    """The headline, which stays in place, and the lines below it."""
    lines = [*_sizes(facts, now, width)]
    if facts.safety is not None:
        lines += _section("only here", _only_here_rows(facts.safety, facts, now), width, facts)
        if facts.safety.not_kept:
            kept: list[Row] = [(f"run:{name}", [f"  {plain(name)}", "", "", ""], ()) for name in facts.safety.not_kept]
            lines += _section("not kept, so only here by choice", kept, width, facts)
    if facts.shared:
        lines += _section("shared between runs, kept once", [_shared_row(one) for one in facts.shared], width, facts)
    lines += _section("trash", [_trash_row(slot, now) for slot in facts.trash], width, facts)
    return answer(facts.safety, width), lines


Row = tuple[str, list[Cell], Sequence[str]]
"""Key, cells, and what the line shows when it is opened."""


def _section(title: str, rows: Sequence[Row], width: int, facts: StorageFacts) -> Iterator[Line]:
    if not rows:
        return
    yield Line(Text(end=""))
    yield Line(Text(f" {title} ({count(len(rows))})", style="bold", end=""))
    # What is said of a line has its room before a commit's long subject.
    room = max(24, width - 44)
    shown = [[cut(plain(str(cells[0])), room), *cells[1:]] for _, cells, _ in rows[:MOST]]
    _, texts = layout(COLUMNS, shown, width - 1)
    for (key, _, more), text in zip(rows, texts, strict=False):
        yield Line(text, key)
        if key in facts.opened:
            yield from (Line(Text(f"      {plain(line)}", style="dim", end="")) for line in more)
    if len(rows) > MOST:
        yield Line(Text(f"   and {count(len(rows) - MOST)} more", style="dim", end=""))


def _sizes(facts: StorageFacts, now: float, width: int) -> Iterator[Line]:
    """One line where there is room, several where there is not."""
    line = ""
    for piece in (*(_part(facts, part, now) for part in PARTS), _disk(facts.disk_free)):
        if line and len(line) + len(piece) + 3 > width - 2:
            yield Line(Text(f"   {line}", end=""))
            line = ""
        line = f"{line} · {piece}" if line else piece
    yield Line(Text(f"   {line}", end=""))


def _part(facts: StorageFacts, part: str, now: float) -> str:
    found = facts.sizes.get(part)
    if found is None:
        return f"{part} …"
    more = {RUNS: "", CACHE: _shared_text(facts.shared), TRASH: _oldest(facts.trash, now), ARTIFACTS: ""}[part]
    least = "" if found.whole else "more than "
    return f"{part} {least}{size(found.bytes)}{more}"


def _shared_text(shared: tuple[Shared, ...] | None) -> str:
    if shared is None:
        return " (… shared)"
    return f" ({size(sum(one.bytes for one in shared))} shared)" if shared else ""


def _oldest(trash: Sequence[Slot], now: float) -> str:
    return f" (oldest {age(now - min(slot.discarded_at for slot in trash))})" if trash else ""


def _disk(free: int | None) -> str:
    return "disk …" if free is None else f"disk {size(free)} free"


def _only_here_rows(safety: Safety, facts: StorageFacts, now: float) -> list[Row]:
    rows: list[Row] = [_kept_row(item, safety) for item in safety.only_here]
    rows += [
        (f"pointer:{name}", [f"  {name}.dvc", "", "", "not committed as it is: K keeps it again"], ())
        for name in safety.uncommitted
    ]
    return rows + [_commit_row(commit, safety, now) for commit in safety.commits]


def _kept_row(item: OnlyHere, safety: Safety) -> Row:
    way = "P sends it to " + safety.remote if safety.remote else "DVC has no remote: edm remote add NAME ADDRESS"
    name = "data set" if item.run == DATA else item.run
    return f"run:{item.run}", [f"  {name}", size(item.bytes), "", item.reason], (way,)


def _commit_row(commit: LocalCommit, safety: Safety, now: float) -> Row:
    apart = f"on {commit.branch}: P asks for it" if commit.branch else "HEAD is detached: git switch -c NAME"
    where = "" if commit.current else apart
    way = "git has no remote: git remote add origin ADDRESS" if not safety.git_remote else f"commit {commit.id}"
    cells: list[Cell] = [f"  commit {commit.id[:9]} {commit.subject}", "", age(now - commit.at), where]
    return f"commit:{commit.id}", cells, (way, *(["edm push --branches"] if where and commit.branch else []))


def _shared_row(one: Shared) -> Row:
    shown = ", ".join(one.runs[:3]) + (f" and {len(one.runs) - 3} more" if len(one.runs) > 3 else "")
    return f"shared:{one.runs}", [f"  {shown}", size(one.bytes), "", _many(one.files, "file")], one.runs


def _trash_row(slot: Slot, now: float) -> Row:
    what = "left out by keep" if slot.kind == EXCLUDED else "discarded"
    more = (
        f"from {slot.original}",
        f"run {slot.run_id or 'without an id'}",
        f"{_many(slot.files, 'file')} · {slot.id}",
    )
    cells: list[Cell] = [f"  {slot.run_name}", size(slot.bytes), age(now - slot.discarded_at), what]
    return f"trash:{slot.id}", cells, more


def _many(number: int, word: str) -> str:
    return f"{count(number)} {word}{'' if number == 1 else 's'}"
