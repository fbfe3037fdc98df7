"""Who stood in Production and for how long: from the moves that versions tell of, and as text."""

from edm_core.actions.model_history import tenures
from edm_core.snapshots.promotion import StageMove, Tenure
from edm_core.timeline import timeline

DAY = 86_400_000


def move(version: int, day: int, to: str = "Production", from_: str = "None", kind: str = "promote") -> StageMove:
    return StageMove(f"{day:03}", "EDMModel", version, day * DAY, "ana@gpu1", kind, from_, to)


def stood(*moves: StageMove, now: int | None) -> list[tuple[int, int | None, int | None]]:
    return [
        (t.version, None if t.from_ms is None else t.from_ms // DAY, None if t.to_ms is None else t.to_ms // DAY)
        for t in tenures(list(reversed(moves)), "Production", now)
    ]


def test_each_version_stands_until_the_next_one_comes() -> None:
    moves = move(1, 1), move(2, 3), move(3, 4, "Staging"), move(1, 7, kind="rollback", from_="Archived")
    assert stood(*moves, now=1) == [(1, 1, 3), (2, 3, 7), (1, 7, None)]
    assert stood(now=None) == []


def test_after_a_step_down_nobody_stands_there_and_an_undo_brings_the_one_before_back() -> None:
    down = move(2, 5, "Staging", "Production", "demote")
    assert stood(move(1, 1), move(2, 3), down, now=None) == [(1, 1, 3), (2, 3, 5), (0, 5, None)]
    undo = move(2, 5, "None", "Production", "undo")
    assert stood(move(1, 1), move(2, 3), undo, now=1) == [(1, 1, 3), (2, 3, 5), (1, 5, None)]


def test_what_another_tool_did_is_not_made_up() -> None:
    assert stood(move(1, 1), now=4) == [(1, 1, 1), (4, None, None)]
    assert stood(now=4) == [(4, None, None)]


def test_the_timeline_is_to_scale_and_says_since_when() -> None:
    bar, ages = timeline([Tenure(1, 0, 9 * DAY), Tenure(12, 9 * DAY, None)], 10 * DAY, 60)
    assert (bar[:2], bar[-1], len(bar) <= 60) == ("v1", "▶", True)
    assert 4 * (len(bar) - bar.index("v12")) < bar.index("v12") * 2
    assert ages.split() == ["10d", "1d"]
    assert ages.index("1d", 4) == bar.index("v12")


def test_the_oldest_are_left_out_where_there_is_no_room_and_gaps_are_shown() -> None:
    many = [Tenure(number, number * DAY, (number + 1) * DAY) for number in range(1, 30)]
    bar, _ = timeline([*many, Tenure(0, 30 * DAY)], 31 * DAY, 40)
    assert (bar[:2], "v29" in bar, "v1━" in bar, bar[-1]) == ("… ", True, False, "·")
    assert len(bar) <= 40
    assert timeline([Tenure(3, None)], DAY, 40)[1].strip() == "?"
    assert timeline([], DAY, 40) == ("", "")
