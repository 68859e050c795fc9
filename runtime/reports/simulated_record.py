"""The record of a run of the compiled simulator, in the same form as that of a journal."""

import math
from collections import Counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from blackboard.facts.control import TradingState
from blackboard.facts.decision import Side
from config.settings import Settings
from models.decision.arbitration import GATES, NO_GATE
from models.decision.simulated.record import (
    APPROVED,
    EXIT_REASONS,
    OPEN,
    REFUSALS,
    UNDECIDED,
    SimulatedRun,
)
from runtime.book import Manifest
from runtime.driver import MARKERS
from runtime.readings import Readings
from runtime.reports.identity import changed_settings, identity_of
from runtime.reports.minutes import Held, MinutePrices
from runtime.reports.record import (
    BY_THE_BROKER,
    UNKNOWN,
    ClosedTrade,
    EquityPoint,
    RunRecord,
    StateChange,
)
from runtime.terminals.simulated.market import OpenedMarket

COMPILED: Final = "compiled simulator over the opinions of six agents"


def record_of_simulation(
    run: SimulatedRun,
    settings: Settings,
    manifest: Manifest,
    market: OpenedMarket,
    readings: Readings,
    span_ns: tuple[int, int],
) -> RunRecord:
    """Return the record of a simulated run.

    Heat is not in it: the simulator does not tell it.

    Parameters
    ----------
    run : SimulatedRun
        What the simulator came to.
    settings : Settings
        Under which it decided.
    manifest : Manifest
        What the run was made of.
    market : OpenedMarket
        Whose minutes tell how far prices went.
    readings : Readings
        Which reading spoke loudest behind each vote.
    span_ns : tuple of int
        Start and end of the run.
    """
    terminal = settings.terminal
    prices = MinutePrices(market.source, terminal.currency, terminal.spread_factor)
    trades = [
        _trade(run, place, prices, readings)
        for place, row in enumerate(run.trades)
        if row["reason"] != OPEN
    ]
    still_open = run.trades[run.trades["reason"] == OPEN]
    decided = run.blocked_by[run.blocked_by != UNDECIDED]
    refused = Counter(REFUSALS[place] for place in run.intents["refusal"] if place != APPROVED)
    return RunRecord(
        identity=identity_of(
            settings,
            manifest,
            host=COMPILED,
            marker=MARKERS[manifest.profile],
            span_ns=span_ns,
            decisions_hash="",
            deposit=run.deposit,
            notes=market.notes,
        ),
        changed=changed_settings(settings),
        trades=tuple(sorted(trades, key=lambda one: (one.closed_ns, one.ticket))),
        equity=_equity(run, span_ns),
        rounds=int((run.blocked_by != UNDECIDED).any(axis=1).sum()),
        decisions=len(decided),
        blocked_by=_gates(decided),
        intents=len(run.intents),
        approved=int((run.intents["refusal"] == APPROVED).sum()),
        refusals=dict(sorted(refused.items())),
        open_positions=len(still_open),
        open_since_ns=tuple(still_open["opened_ns"].tolist()),
        heat_frac_max=math.nan,
        states=_states(run),
        breaches=(),
        accounting_gap=_gap(run),
    )


def _trade(run: SimulatedRun, place: int, prices: MinutePrices, readings: Readings) -> ClosedTrade:
    row: Any = run.trades[place]
    side = Side.BUY if row["side"] > 0 else Side.SELL
    reason = EXIT_REASONS[row["reason"]]
    symbol, risk, lead = run.symbols[row["symbol"]], float(row["risk"]), int(row["leading_voter"])
    held = Held(
        symbol,
        side,
        float(row["lots"]),
        int(row["opened_ns"]),
        int(row["closed_ns"]),
        float(row["open_price"]),
        float(row["close_price"]),
        reason in BY_THE_BROKER,
    )
    course = prices.course(held)
    component = readings.name(held.opened_ns, int(row["symbol"]), lead, is_long=side is Side.BUY)
    return ClosedTrade(
        ticket=place + 1,
        symbol=symbol,
        side=side,
        lots=held.lots,
        opened_ns=held.opened_ns,
        closed_ns=held.closed_ns,
        open_price=held.open_price,
        close_price=held.close_price,
        stop_price=float(row["stop_price"]),
        target_price=float(row["target_price"]),
        profit=float(row["profit"]),
        swap=float(row["swap"]),
        commission=float(row["commission"]),
        pnl=float(row["pnl"]),
        spread_cost=course.spread_cost,
        risk=risk,
        r_multiple=float(row["r_multiple"]),
        mae_r=course.adverse / risk if risk else math.nan,
        mfe_r=course.favourable / risk if risk else math.nan,
        confidence=float(row["confidence"]),
        expected_value_r=float(row["expected_value_r"]),
        voter=run.voters[lead] if lead >= 0 else UNKNOWN,
        component=component or UNKNOWN,
        exit_reason=reason,
    )


def _equity(run: SimulatedRun, span_ns: tuple[int, int]) -> tuple[EquityPoint, ...]:
    first = EquityPoint(span_ns[0], run.deposit, run.deposit, run.deposit)
    points = [
        EquityPoint(moment, balance, equity, run.deposit)
        for moment, balance, equity in zip(
            run.close_ns.tolist(), run.balance.tolist(), run.equity.tolist(), strict=True
        )
        if moment > span_ns[0]
    ]
    last = EquityPoint(span_ns[1], run.final_balance, run.final_equity, run.deposit)
    return (first, *points, last)


def _gates(decided: NDArray[np.int8]) -> dict[str, int]:
    places, counts = np.unique(decided[decided != NO_GATE], return_counts=True)
    return {
        GATES[place]: count for place, count in zip(places.tolist(), counts.tolist(), strict=True)
    }


def _states(run: SimulatedRun) -> tuple[StateChange, ...]:
    changes = np.flatnonzero(np.diff(run.state)) + 1
    names = list(TradingState)
    return tuple(
        StateChange(
            ts_ns=int(run.close_ns[row]), state=names[run.state[row]].value, reason="safety rule"
        )
        for row in changes.tolist()
    )


def _gap(run: SimulatedRun) -> float:
    """Return the balance less deposit and booked amounts; an open trade has paid its entry."""
    booked = float(run.closed["pnl"].sum())
    open_paid = run.trades[run.trades["reason"] == OPEN]
    booked += float(open_paid["commission"].sum())
    return run.final_balance - run.deposit - booked
