"""Prices and marks of an order, and the reasons for which none is made."""

import math
from typing import Any

import pytest

from agents.orders.life import Order
from agents.orders.submission import (
    Unsendable,
    comment_of,
    magic_of,
    protection,
    round_tighter,
    submitting,
)
from blackboard.facts import AmendIntent, ExitIntent, RiskApproved
from blackboard.facts.decision import Side
from blackboard.facts.execution import Origin, Purpose
from tests.builders import T0_NS, a_position, a_quote, a_spec, a_submission, an_intent


def an_approval(**changes: object) -> RiskApproved:
    """Return the permission for 0.2 lots that risk 50."""
    fields: dict[str, object] = {
        "intent_id": "EURUSD-1",
        "side": Side.BUY,
        "lots": 0.2,
        "risk_frac": 0.005,
        "risk_account": 50.0,
    }
    return RiskApproved(scope="EURUSD", **{**fields, **changes})  # type: ignore[arg-type]


def an_exit(**changes: object) -> ExitIntent:
    """Return the wish to close 0.1 lots long."""
    fields: dict[str, object] = {
        "intent_id": "exit-1",
        "position_ticket": 1,
        "position_side": Side.BUY,
        "position_lots": 0.1,
        "side": Side.SELL,
        "lots": 0.1,
        "reason": "time",
    }
    return ExitIntent(scope="EURUSD", **{**fields, **changes})  # type: ignore[arg-type]


def an_amendment(**changes: object) -> AmendIntent:
    """Return the wish to move the stop of a long position up to 1.0990."""
    fields: dict[str, object] = {
        "intent_id": "amend-1",
        "position_ticket": 1,
        "position_side": Side.BUY,
        "stop_price": 1.099,
        "current_stop_price": 1.098,
        "target_price": 1.106,
        "reason": "chandelier",
    }
    return AmendIntent(scope="EURUSD", **{**fields, **changes})  # type: ignore[arg-type]


def an_order(intent: object, **changes: object) -> Order:
    """Return the order of an intent, with the usual quote."""
    order = Order(intent, 1, T0_NS, quote=a_quote(), quote_seq=1)  # type: ignore[arg-type]
    for name, value in changes.items():
        setattr(order, name, value)
    return order


def test_a_buy_is_protected_from_the_ask() -> None:
    """Distances count from the price at which a buy opens."""
    stop, target = protection(an_intent(), a_quote(), 5)

    assert stop == 1.0981  # 1.1001 - 0.0020
    assert target == 1.1061  # 1.1001 + 0.0060


def test_a_sell_is_protected_from_the_bid() -> None:
    """Distances count from the price at which a sell opens."""
    stop, target = protection(an_intent(side=Side.SELL), a_quote(), 5)

    assert stop == 1.102  # 1.1000 + 0.0020
    assert target == 1.094  # 1.1000 - 0.0060


@pytest.mark.parametrize(
    ("price", "side", "digits", "rounded"),
    [
        (1.098123, Side.BUY, 5, 1.09813),  # up, towards the market
        (1.102123, Side.SELL, 5, 1.10212),  # down, towards the market
        (1.09812, Side.BUY, 5, 1.09812),  # on the grid, whatever the float says
        (149.0001, Side.BUY, 3, 149.001),
        (149.9999, Side.SELL, 3, 149.999),
    ],
)
def test_a_stop_is_never_rounded_wider(
    price: float, side: Side, digits: int, rounded: float
) -> None:
    """A stop goes to the grid on the side of the market, so it never loses more than sized."""
    assert round_tighter(price, side, digits) == rounded


def test_an_entry_carries_what_was_approved() -> None:
    """Lots come from the approval, prices from the quote, the mark from the intent."""
    order = an_order(an_intent(), approval=an_approval(), approval_seq=2)

    fact = submitting(order, a_spec(), None, magic_of(4711, 1))

    assert (fact.lots, fact.side) == (0.2, Side.BUY)
    assert (fact.stop_price, fact.target_price) == (1.0981, 1.1061)
    assert fact.magic == 4711 * 2**32 + 1
    assert fact.comment == comment_of("EURUSD-1")


def test_a_comment_is_short_and_tells_intents_apart() -> None:
    """Twelve plain characters survive every broker that keeps sixteen."""
    assert len(comment_of("a")) == 12
    assert comment_of("a").startswith("fx")
    assert comment_of("a").isascii()
    assert comment_of("a") != comment_of("b")


@pytest.mark.parametrize("sequence", [0, 2**32])
def test_a_sequence_outside_its_bits_is_refused(sequence: int) -> None:
    """A magic number never runs into the strategy's bits."""
    with pytest.raises(ValueError, match="sequence must be in"):
        magic_of(1, sequence)


@pytest.mark.parametrize(
    ("changes", "spec", "reason"),
    [
        ({"quote": None}, a_spec(), "no_quote"),
        ({}, None, "no_symbol_spec"),
        ({"approval": None}, a_spec(), "not_approved"),
        # bid 1.1000 - stop 1.0981 = 190 points, one short of the level
        ({}, a_spec(stops_level_points=191), "stops_level"),
    ],
)
def test_an_entry_that_cannot_be_built_says_why(
    changes: dict[str, object], spec: object, reason: str
) -> None:
    """Without prices, a symbol or an approval nothing leaves, nor with a stop too close (F15)."""
    order = an_order(an_intent(), **{"approval": an_approval(), **changes})

    with pytest.raises(Unsendable, match=reason):
        submitting(order, spec, None, 1)  # type: ignore[arg-type]


def test_an_exit_closes_no_more_than_is_there() -> None:
    """A position that was closed in part meanwhile is not closed by more than the rest (F14)."""
    fact = submitting(an_order(an_exit()), None, a_position(lots=0.04), 1)

    assert (fact.lots, fact.side, fact.position_ticket) == (0.04, Side.SELL, 1)


def test_an_exit_of_a_closed_position_is_not_sent() -> None:
    """What is gone needs no close."""
    with pytest.raises(Unsendable, match="position_closed"):
        submitting(an_order(an_exit()), None, None, 1)


def test_an_external_position_is_managed_by_flatten_only() -> None:
    """Somebody else's position is counted, never touched, unless everything must go (F20)."""
    foreign = a_position(origin=Origin.EXTERNAL)

    with pytest.raises(Unsendable, match="position_external"):
        submitting(an_order(an_exit()), None, foreign, 1)

    assert submitting(an_order(an_exit(reason="flatten")), None, foreign, 1).lots == 0.1


def test_an_amendment_keeps_the_target() -> None:
    """Both levels travel, for the broker deletes whichever is 0 (F13)."""
    fact = submitting(an_order(an_amendment(target_price=0.0)), a_spec(), a_position(), 1)

    assert (fact.stop_price, fact.target_price) == (1.099, 1.106)
    assert fact.lots == 0.0


@pytest.mark.parametrize(
    ("position", "reason"),
    [
        (a_position(stop_price=1.099), "no_changes"),
        (a_position(stop_price=1.0995), "would_loosen"),
        (None, "position_closed"),
    ],
)
def test_an_amendment_that_has_nothing_to_tighten_is_not_sent(
    position: object, reason: str
) -> None:
    """The stop may have moved since the wish was made."""
    with pytest.raises(Unsendable, match=reason):
        submitting(an_order(an_amendment()), a_spec(), position, 1)  # type: ignore[arg-type]


def test_an_amendment_without_the_symbols_terms_is_not_sent() -> None:
    """Nobody could say where its grid is; without a quote the broker judges the distance."""
    with pytest.raises(Unsendable, match="no_symbol_spec"):
        submitting(an_order(an_amendment()), None, a_position(), 1)

    blind = an_order(an_amendment(), quote=None)
    assert submitting(blind, a_spec(stops_level_points=999), a_position(), 1).stop_price == 1.099


def test_an_amendment_too_close_to_the_market_is_skipped() -> None:
    """The old stop still protects; a refused request would only be repeated (F15)."""
    spec = a_spec(freeze_level_points=101)  # bid 1.1000 - 1.0990 = 100 points

    with pytest.raises(Unsendable, match="stops_level"):
        submitting(an_order(an_amendment()), spec, a_position(), 1)


@pytest.mark.parametrize(
    ("side", "distances"),
    [
        (Side.SELL, {"target_distance": 1.2}),  # 1.1 - 1.2 < 0
        (Side.BUY, {"stop_distance": 1.2}),  # 1.1001 - 1.2 < 0
        (Side.BUY, {"stop_distance": 1.1001}),  # exactly 0, which the broker takes for none
    ],
)
def test_an_entry_never_leaves_without_stop_and_target(side: Side, distances: Any) -> None:
    """A level at or below zero is no level: what cannot have both is not sent."""
    approval = an_approval(side=side)
    order = an_order(an_intent(side=side, **distances), approval=approval)

    with pytest.raises(Unsendable, match="no_protection"):
        submitting(order, a_spec(), None, 1)


@pytest.mark.parametrize("level", ["stop_price", "target_price"])
def test_an_entry_without_a_level_cannot_even_be_said(level: str) -> None:
    """The announcement itself refuses it; an exit has no levels of its own."""
    with pytest.raises(ValueError, match=level):
        a_submission("EURUSD", **{level: 0.0})

    assert a_submission(purpose=Purpose.EXIT, stop_price=0.0, target_price=0.0).stop_price == 0.0


def test_rounding_an_absurd_price_does_not_hide_it() -> None:
    """What is not finite never becomes a price."""
    with pytest.raises((ValueError, OverflowError)):
        round_tighter(math.nan, Side.BUY, 5)
