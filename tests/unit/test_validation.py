"""Validation of deliveries, each defect worked by hand."""

import numpy as np
import pytest

from models.market.bars import BAR_DTYPE, BarArray, empty_bars
from models.market.quote_validation import QuoteDefect, quote_defect
from models.market.sessions import MINUTE_NS, SECOND_NS
from models.market.validation import Defect, Rejection, Validation, validate_bars

M15_NS = 15 * MINUTE_NS
T0_NS = 1_741_168_800 * SECOND_NS  # Wednesday 2025-03-05 10:00 UTC
FRIDAY_CLOSE_NS = 1_741_384_800 * SECOND_NS  # 2025-03-07 22:00 UTC, 17:00 New York
SUNDAY_FIRST_NS = 1_741_554_900 * SECOND_NS  # 2025-03-09 21:15 UTC, after the clock change


def some_bars(count: int, first_ns: int = T0_NS, close: float = 1.1) -> BarArray:
    """Return bars in a row that stay at one price with a range of 10 pips each."""
    bars = np.zeros(count, dtype=BAR_DTYPE)
    bars["close_ns"] = first_ns + M15_NS * np.arange(count)
    bars["open"] = bars["close"] = close
    bars["high"], bars["low"] = close + 0.0005, close - 0.0005
    bars["tick_volume"], bars["spread_points"] = 100, 10
    return bars


def validate(bars: BarArray, known: BarArray | None = None, jump: float = 40.0) -> Validation:
    """Validate with everything closed by now."""
    return validate_bars(
        bars,
        empty_bars() if known is None else known,
        now_ns=T0_NS + 10_000 * M15_NS,
        length_ns=M15_NS,
        jump_atr_max=jump,
    )


def reasons(outcome: Validation) -> list[Defect]:
    """Return the reasons in the order of delivery."""
    return [each.reason for each in outcome.rejections]


def test_sound_bars_pass_unchanged() -> None:
    """A valid delivery comes back as it is, without rejections or gaps."""
    bars = some_bars(20)

    outcome = validate(bars, known=some_bars(3, T0_NS - 3 * M15_NS))

    assert np.array_equal(outcome.kept, bars)
    assert outcome.rejections == ()
    assert outcome.missing_bars == 0
    assert outcome.summary == ""


def test_nothing_delivered_is_nothing_kept() -> None:
    """An empty delivery is no error."""
    outcome = validate(empty_bars())

    assert len(outcome.kept) == 0
    assert outcome.rejections == ()


@pytest.mark.parametrize(
    ("field", "value", "defect"),
    [
        ("open", np.nan, Defect.PRICE),
        ("high", np.inf, Defect.PRICE),
        ("low", 0.0, Defect.PRICE),
        ("close", -1.1, Defect.PRICE),
        ("high", 1.0999, Defect.RANGE),  # below the close of 1.1
        ("low", 1.1001, Defect.RANGE),  # above the open of 1.1
        ("close", 1.1006, Defect.RANGE),  # above the high of 1.1005
        ("tick_volume", -1, Defect.VOLUME),
        ("spread_points", -1, Defect.VOLUME),
        ("tick_volume", 2**62, Defect.VOLUME),
        ("close_ns", T0_NS + 20_000 * M15_NS, Defect.FORMING),
        ("close_ns", T0_NS + 2 * M15_NS + 1, Defect.OFF_GRID),
        ("close_ns", -(2**63), Defect.OFF_GRID),
        ("close_ns", FRIDAY_CLOSE_NS + M15_NS, Defect.CLOSED_MARKET),
        ("close_ns", T0_NS + M15_NS, Defect.DUPLICATE),
        ("close_ns", T0_NS, Defect.DUPLICATE),
        ("close_ns", T0_NS - 5 * M15_NS, Defect.KNOWN),
        ("high", 1.1 * 100.0, Defect.OFF_SCALE),
        ("low", 1.1 / 100.0, Defect.OFF_SCALE),
        ("high", 1.1405, Defect.JUMP),  # 405 pips up, 40 × 10 pips allowed
        ("low", 1.0595, Defect.JUMP),
    ],
)
def test_one_bad_bar_is_rejected_with_its_reason(field: str, value: float, defect: Defect) -> None:
    """The bar with the defect goes, its neighbours stay."""
    bars = some_bars(5)
    bars[field][2] = value

    outcome = validate(bars, known=some_bars(15, T0_NS - 15 * M15_NS))

    assert outcome.rejections == (Rejection(defect, int(bars["close_ns"][2])),)
    assert np.array_equal(outcome.kept, np.delete(bars, 2))


def test_the_bar_in_the_wrong_place_is_rejected() -> None:
    """Of two bars in wrong order the earlier one goes, for time never runs back."""
    bars = some_bars(4)[[0, 2, 1, 3]]

    outcome = validate(bars)

    assert outcome.rejections == (Rejection(Defect.DISORDER, T0_NS + M15_NS),)
    assert outcome.missing_bars == 1


def test_an_unsound_bar_does_not_make_later_ones_late() -> None:
    """A bar from the future is no measure of order."""
    bars = some_bars(3)
    bars["close_ns"][0] = T0_NS + 20_000 * M15_NS

    assert reasons(validate(bars)) == [Defect.FORMING]


def test_a_move_just_within_the_limit_passes() -> None:
    """The limit is 40 average true ranges of 10 pips, and 395 pips are within it."""
    bars = some_bars(3)
    bars["high"][2] = 1.1395

    assert validate(bars, known=some_bars(15, T0_NS - 15 * M15_NS)).rejections == ()


def test_quiet_markets_have_a_floor_below_their_range() -> None:
    """After bars without any range 40 × 2 bp = 0.8 % may pass, and 0.9 % may not."""
    known = some_bars(15, T0_NS - 15 * M15_NS, close=1.0)
    known["high"] = known["low"] = 1.0
    within, beyond = some_bars(1, close=1.0), some_bars(1, close=1.0)
    within["high"], beyond["high"] = 1.0079, 1.0090

    assert validate(within, known).rejections == ()
    assert reasons(validate(beyond, known)) == [Defect.JUMP]


def test_a_new_level_passes_once_two_bars_confirm_it() -> None:
    """A real shift is held back alone and with one bar after it, and taken whole with two."""
    known = some_bars(15, T0_NS - 15 * M15_NS, close=1.20)
    shifted = some_bars(3, close=1.05)

    assert reasons(validate(shifted[:1], known)) == [Defect.JUMP]
    assert reasons(validate(shifted[:2], known)) == [Defect.JUMP] * 2
    assert len(validate(shifted, known).kept) == 3


def test_a_spike_that_returns_is_never_confirmed() -> None:
    """Bars that follow at the old level do not confirm the spike's."""
    known = some_bars(15, T0_NS - 15 * M15_NS)
    bars = some_bars(6)
    for name, price in (("open", 1.2), ("high", 1.2005), ("low", 1.1995), ("close", 1.2)):
        bars[name][0] = price

    outcome = validate(bars, known)

    assert reasons(outcome) == [Defect.JUMP]
    assert outcome.kept["close_ns"][0] == T0_NS + M15_NS


def test_a_wick_is_not_confirmed_by_what_follows_its_close() -> None:
    """A bar that shifts level and has a wick far beyond both is a spike."""
    known = some_bars(15, T0_NS - 15 * M15_NS, close=1.20)
    bars = some_bars(4, close=1.15)
    bars["high"][0] = 1.30

    outcome = validate(bars, known)

    # The wick goes; the next bar jumps from 1.20 to 1.15 and two more confirm it.
    assert reasons(outcome) == [Defect.JUMP]
    assert len(outcome.kept) == 3


def test_a_hundredfold_level_is_never_confirmed() -> None:
    """However long a source counts in another unit, it stays off the known scale."""
    outcome = validate(some_bars(50, close=110.0), known=some_bars(15, T0_NS - 15 * M15_NS))

    assert set(reasons(outcome)) == {Defect.OFF_SCALE}
    assert len(outcome.kept) == 0


def test_a_bad_first_bar_is_found_without_known_bars() -> None:
    """The median of the delivery finds what no earlier bar can."""
    bars = some_bars(5)
    for name in ("open", "high", "low", "close"):
        bars[name][0] *= 100.0

    assert reasons(validate(bars)) == [Defect.OFF_SCALE]


def test_gaps_count_only_hours_that_are_open() -> None:
    """From Friday's last close to Sunday's second one bar is missing, not a weekend of them."""
    known = some_bars(1, FRIDAY_CLOSE_NS)

    assert validate(some_bars(1, SUNDAY_FIRST_NS), known).missing_bars == 0
    assert validate(some_bars(1, SUNDAY_FIRST_NS + M15_NS), known).missing_bars == 1


def test_the_summary_counts_faults_and_passes_over_known_bars() -> None:
    """A bar delivered again is no fault of the source; the rest is counted by reason."""
    bars = np.concatenate((some_bars(1, T0_NS - M15_NS), some_bars(3), some_bars(1)))
    bars["open"][2] = np.nan

    outcome = validate(bars, known=some_bars(1, T0_NS - M15_NS))

    assert reasons(outcome) == [Defect.KNOWN, Defect.PRICE, Defect.DUPLICATE]
    assert outcome.summary == "rejected: duplicate 1, price 1"


def test_another_dtype_is_refused() -> None:
    """Columns of another shape are a programmer's error, not a defect of the source."""
    with pytest.raises(ValueError, match="dtype of bars must be BAR_DTYPE"):
        validate(np.zeros(1, dtype=[("close_ns", np.int64)]))


@pytest.mark.parametrize(
    ("bid", "ask", "rate", "tick_age_s", "defect"),
    [
        (1.1000, 1.1001, 1.0, 0, None),
        (1.1000, 1.1001, 1.0, -4, None),  # two clocks differ by four seconds
        (float("nan"), 1.1001, 1.0, 0, QuoteDefect.PRICE),
        (0.0, 1.1001, 1.0, 0, QuoteDefect.PRICE),
        (1.1000, 1.1001, float("inf"), 0, QuoteDefect.PRICE),
        (1.1001, 1.1001, 1.0, 0, QuoteDefect.CROSSED),
        (1.1000, 1.1001, 1.0, -6, QuoteDefect.FUTURE),
        (1.1000, 1.1001, 1.0, 1200, QuoteDefect.OLD),  # 20 minutes, to the second
        (1.1000, 1.1001, 1.0, 1199, None),
        (110.0, 110.01, 1.0, 0, QuoteDefect.JUMP),
        (1.0950, 1.1002, 1.0, 0, QuoteDefect.WIDE),  # 52 pips, 50 × 1 pip allowed
        (1.0952, 1.1001, 1.0, 0, None),  # 49 pips
    ],
)
def test_quotes_are_judged(
    bid: float, ask: float, rate: float, tick_age_s: int, defect: QuoteDefect | None
) -> None:
    """Each way in which a quote can be wrong has its name."""
    found = quote_defect(
        bid,
        ask,
        rate,
        T0_NS - tick_age_s * SECOND_NS,
        some_bars(15, T0_NS - 14 * M15_NS),
        now_ns=T0_NS,
        age_ns_max=20 * MINUTE_NS,
        point=1e-5,
        jump_atr_max=40.0,
    )

    assert found is defect


@pytest.mark.parametrize("known_count", [0, 15])
def test_without_usual_spreads_none_is_wide(known_count: int) -> None:
    """A source that has no bars or delivers no spreads does not make every quote garbage."""
    known = some_bars(known_count, T0_NS - 14 * M15_NS)
    known["spread_points"] = 0

    found = quote_defect(
        1.0950,
        1.1002,
        1.0,
        T0_NS,
        known,
        now_ns=T0_NS,
        age_ns_max=MINUTE_NS,
        point=1e-5,
        jump_atr_max=40.0,
    )

    assert found is None
