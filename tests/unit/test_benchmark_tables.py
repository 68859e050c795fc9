"""What the benchmarks write down: pictures, the table of peers, and what is chosen to run."""

import math
import re
import sys
from pathlib import Path

import pytest

from benchmarks.comparisons import Comparison, Kept, keep, not_run, read, rows_of, text_of
from benchmarks.council_growth import fitted
from benchmarks.council_marks import instant_ns, symbols_of
from benchmarks.council_stretches import Stretch
from benchmarks.measuring import short
from benchmarks.picture import Line, draw_levels
from benchmarks.running import chosen, run_each
from models.market.sessions import MINUTE_NS, is_open
from runtime.terminals.simulated.traits import traits_of

LOST = Comparison("posts", "45 k/s", "a list", "104 k/s", 0.43, "1%, 2%", "it keeps bytes")
WON = Comparison("a cross", "80 M/s", "an engine", "6 k/s", 12_345.6, "1%, 2%", "it has orders")
ABSENT = not_run("a cross", "80 M/s", "another", "no network")


def test_comparisons_of_one_benchmark_replace_its_own_and_no_other(tmp_path: Path) -> None:
    """What was measured earlier beside other peers stays, with its day."""
    path = tmp_path / "peers.json"
    keep(Kept("board", "2026-01-01", (WON,)), path)
    keep(Kept("council", "2026-01-02", (WON, ABSENT)), path)
    keep(Kept("board", "2026-01-03", (LOST,)), path)

    kept = read(path)

    assert [(each.name, each.measured) for each in kept] == [
        ("board", "2026-01-03"),
        ("council", "2026-01-02"),
    ]
    assert kept[0].rows == (LOST,)
    assert kept[1].rows[0] == WON
    assert math.isnan(kept[1].rows[1].ratio)


def test_the_table_of_peers_says_who_wins_and_who_is_missing() -> None:
    """A ratio below 1 is named as a loss, a peer that did not run has its reason and no ratio."""
    kept = [Kept("board", "2026-01-01", (LOST, WON, ABSENT))]

    head, rows = rows_of(kept)

    assert text_of(kept).endswith("posts, 0.43 × of a list.")
    assert [row[head.index("ratio")] for row in rows] == ["0.43 ×", "12,346 ×", "–"]
    assert rows[2][head.index("theirs")] == "not run: no network"
    assert {row[-1] for row in rows} == {"`board`, 2026-01-01"}
    assert text_of([Kept("board", "", (WON,))]).endswith("beside it: nothing.")


@pytest.mark.parametrize(
    ("value", "text"), [(122_506_233.0, "123 M"), (45_142.0, "45.1 k"), (5.5, "5.5")]
)
def test_figures_are_told_in_three_digits(value: float, text: str) -> None:
    """A table is read, not computed with."""
    assert short(value) == text


def test_one_that_fails_ends_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """Those after it run, and it is named with its last word."""
    commands = {
        name: (sys.executable, "-S", "-c", code)
        for name, code in (("bad", "raise SystemExit('no network')"), ("good", "print('[42]')"))
    }

    assert run_each(commands) == ["bad"]
    told = capsys.readouterr().out
    assert "FAILED: no network" in told
    assert "[42]" in told


def test_names_and_groups_are_run_once_in_the_order_named() -> None:
    """A group stands for its names; where nothing is named, the one for that."""
    groups = {"all": ("one", "two"), "quick": ("two",)}

    assert chosen((), groups, "all") == ("one", "two")
    assert chosen(("quick", "soak", "two"), groups, "all") == ("two", "soak")


def test_levels_are_drawn_from_nought(tmp_path: Path) -> None:
    """The axis begins at 0 and ends at or above the greatest level, sizes are as they are."""
    path = tmp_path / "levels.svg"
    draw_levels(path, "MB", "symbols", "MB", [Line("resident", (1, 4, 56), (310.0, 400.0, 757.0))])

    drawn = path.read_text(encoding="utf-8")

    levels = [float(each) for each in re.findall(r">([\d.]+) MB<", drawn)]
    assert levels == [0.0, 200.0, 400.0, 600.0, 800.0]
    assert all(f">{size}</text>" in drawn for size in (1, 4, 56))


def test_what_a_minute_costs_whatever_its_symbols_is_told_from_what_each_adds() -> None:
    """The fit finds the two figures that a cost was made of."""
    stretches = [Stretch(n, n, 90.0 + 170.0 / n, 0.0, {}) for n in (1, 2, 4, 8, 56)]

    assert fitted(stretches) == pytest.approx((170.0, 90.0))


def test_56_symbols_are_distinct_pairs_that_a_broker_quotes() -> None:
    """Fewer are the first of more, so that a curve adds symbols and changes none."""
    symbols = symbols_of(56)

    assert len(set(symbols)) == 56
    assert symbols[:4] == symbols_of(4)
    assert len({code for name in symbols[:28] for code in (name[:3], name[3:])}) == 8
    for symbol in symbols:
        assert traits_of(symbol).name == symbol


def test_marks_count_open_minutes_only() -> None:
    """After a whole week the next minute is one of the next week."""
    week = 7_200

    assert is_open(instant_ns(0))
    assert is_open(instant_ns(week - 1))
    assert instant_ns(week) - instant_ns(week - 1) > 2 * 24 * 60 * MINUTE_NS
