"""What every ledger of the simulated broker must keep, in memory and on disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.terminals.simulated.ledger import (
    Answered,
    Change,
    Deal,
    Ledger,
    LedgerUnavailable,
    MemoryLedger,
    Order,
    Position,
    Standing,
)
from runtime.terminals.simulated.sqlite_ledger import SqliteLedger


@pytest.fixture(params=["memory", "sqlite"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """Give an empty ledger."""
    made: Ledger = (
        MemoryLedger() if request.param == "memory" else SqliteLedger(tmp_path / "b" / "l.sqlite")
    )
    yield made
    made.close()


def a_standing(balance: float = 10_000.1) -> Standing:
    """Return an account's state."""
    return Standing(now_ns=60, next_ticket=4, balance=balance, credit=0.3)


def a_position(ticket: int = 2) -> Position:
    """Return an open position."""
    return Position(
        ticket=ticket, identifier=ticket, opened_ns=50, updated_ns=55, type=0, magic=-1, reason=3,
        volume=0.1, price_open=0.1 + 0.2, sl=0.0, tp=0.0, swap=-0.5, margin=3.0, symbol="EURUSD",
        comment="c",
    )  # fmt: skip


def an_order(ticket: int = 2, done_ns: int = 50) -> Order:
    """Return a filled order of position 2, or with ``done_ns=0`` one that works."""
    return Order(
        ticket=ticket, setup_ns=40, done_ns=done_ns, expires_ns=0, due_ns=0, type=0,
        type_filling=0, type_time=0, state=4, magic=7, position=2, position_by=0, reason=3,
        volume=0.1, volume_left=0.0, price=1.1, price_stoplimit=0.0, price_done=1.1, sl=0.0,
        tp=0.0, symbol="EURUSD", comment="",
    )  # fmt: skip


def a_deal(ticket: int = 3, made_ns: int = 50) -> Deal:
    """Return the deal of that order."""
    return Deal(
        ticket=ticket, order=2, made_ns=made_ns, type=0, entry=0, magic=7, position=2, reason=3,
        volume=0.1, price=1.1, commission=-0.35, swap=0.0, profit=0.0, fee=0.0, symbol="EURUSD",
        comment="",
    )  # fmt: skip


def test_an_empty_ledger_knows_nothing(ledger: Ledger) -> None:
    """Before the first commit there is no account, no history and no epoch."""
    assert ledger.standing() is None
    assert ledger.positions() == ()
    assert list(ledger.deals_between(0, 2**62)) == []
    assert ledger.order(2) is None
    assert ledger.answered("a") is None
    assert ledger.epoch() == 0


def test_a_change_is_kept_to_the_bit(ledger: Ledger) -> None:
    """What was committed is read back equal, floats included."""
    change = Change(
        standing=a_standing(), positions={2: a_position()}, orders=[an_order()], deals=[a_deal()]
    )

    ledger.commit(change)

    assert ledger.standing() == a_standing()
    assert ledger.positions() == (a_position(),)
    assert ledger.order(2) == an_order()
    assert list(ledger.deals_of_order(2)) == [a_deal()]
    assert list(ledger.deals_of_position(2)) == [a_deal()]
    assert list(ledger.orders_of_position(2)) == [an_order()]


def test_ranges_include_both_ends_in_order(ledger: Ledger) -> None:
    """History between two moments has both of them, oldest first."""
    moments = (10, 20, 30, 40)
    ledger.commit(
        Change(
            standing=a_standing(),
            orders=[an_order(ticket=moment, done_ns=moment) for moment in moments],
            deals=[a_deal(ticket=moment, made_ns=moment) for moment in moments],
        )
    )

    assert [deal.ticket for deal in ledger.deals_between(20, 30)] == [20, 30]
    assert [order.ticket for order in ledger.orders_between(20, 30)] == [20, 30]


def test_a_closed_position_is_gone(ledger: Ledger) -> None:
    """None in a change takes a position out and leaves the others, by ticket."""
    ledger.commit(Change(standing=a_standing(), positions={t: a_position(t) for t in (9, 2, 5)}))

    ledger.commit(Change(standing=a_standing(), positions={2: None}))

    assert [position.ticket for position in ledger.positions()] == [5, 9]


def test_a_working_order_is_no_history_until_it_ends(ledger: Ledger) -> None:
    """It is found by its ticket and among those that work; its end is what the range goes by."""
    working = an_order(ticket=2, done_ns=0)
    ledger.commit(Change(standing=a_standing(), orders=[working, an_order(ticket=3, done_ns=50)]))

    assert ledger.working() == (working,)
    assert ledger.order(2) == working
    assert [order.ticket for order in ledger.orders_between(0, 100)] == [3]
    assert [order.ticket for order in ledger.orders_of_position(2)] == [3]
    ended = an_order(ticket=2, done_ns=60)
    ledger.commit(Change(standing=a_standing(), orders=[ended]))

    assert ledger.working() == ()
    assert ledger.order(2) == ended
    assert [order.ticket for order in ledger.orders_between(0, 100)] == [2, 3]
    assert [order.ticket for order in ledger.orders_of_position(2)] == [2, 3]


def test_the_last_word_on_an_order_counts(ledger: Ledger) -> None:
    """An order that begins and ends within one change has ended."""
    both = [an_order(ticket=2, done_ns=0), an_order(ticket=2, done_ns=60)]

    ledger.commit(Change(standing=a_standing(), orders=both))

    assert ledger.working() == ()
    assert ledger.order(2) == both[1]


def test_an_answer_never_changes(ledger: Ledger) -> None:
    """The first answer under an id stands, and an unfinished start is no answer."""
    assert ledger.start("a", b"request") == b"request"
    assert ledger.answered("a") is None
    assert ledger.start("a", b"other") == b"request"
    first = Answered(request_id="a", request=b"request", reply=b"first")

    ledger.commit(Change(standing=a_standing(), answered=first))
    second = Answered(request_id="a", request=b"request", reply=b"second")
    ledger.commit(Change(standing=a_standing(), answered=second))

    assert ledger.answered("a") == first


def test_epochs_only_rise(ledger: Ledger) -> None:
    """A lower epoch than before changes nothing."""
    ledger.raise_epoch(3)
    ledger.raise_epoch(2)

    assert ledger.epoch() == 3


def test_a_file_survives_reopening_and_is_private(tmp_path: Path) -> None:
    """Another process finds what was committed; nobody else can read folder or file."""
    path = tmp_path / "broker" / "ledger.sqlite"
    first = SqliteLedger(path)
    first.commit(Change(standing=a_standing(), positions={2: a_position()}))
    first.raise_epoch(5)
    first.close()

    second = SqliteLedger(path)

    assert second.positions() == (a_position(),)
    assert second.epoch() == 5
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o077 == 0 for file in path.parent.iterdir())
    second.close()


def test_a_failed_change_leaves_nothing(tmp_path: Path) -> None:
    """A change that cannot be stored whole is not stored in part."""
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    ledger.commit(Change(standing=a_standing(), deals=[a_deal()]))
    bad = Change(standing=a_standing(1.0), deals=[a_deal(ticket=4), a_deal(ticket=2**70)])

    with pytest.raises((LedgerUnavailable, OverflowError)):
        ledger.commit(bad)

    assert ledger.standing() == a_standing()
    assert [deal.ticket for deal in ledger.deals_between(0, 100)] == [3]
    ledger.close()


def test_a_closed_ledger_is_unavailable(tmp_path: Path) -> None:
    """Reading or writing a book that cannot be reached has one error."""
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    ledger.close()

    with pytest.raises(LedgerUnavailable):
        ledger.commit(Change(standing=a_standing()))
    with pytest.raises(LedgerUnavailable):
        ledger.positions()


def test_a_book_of_another_layout_is_refused(tmp_path: Path) -> None:
    """A file that this program did not lay out is never guessed at."""
    import sqlite3

    path = tmp_path / "ledger.sqlite"
    foreign = sqlite3.connect(path)
    foreign.execute("PRAGMA user_version = 99")
    foreign.close()

    with pytest.raises(LedgerUnavailable, match="layout 99"):
        SqliteLedger(path)
