"""Cases of the limits on size: risk, heat, correlation, currency, leverage, counts.

Sizes are worked out here once more and without the arithmetic of the agents: 20 pips of stop, one
of spread and two commissions are what a lot loses.
"""

from functools import partial
from math import floor
from typing import Final

from blackboard.facts import PortfolioBudget, RiskApproved
from blackboard.facts.execution import Outcome
from blackboard.facts.opinion import SymbolCorrelation
from config.settings import Settings
from models.market.sessions import WEEK_NS
from runtime.proof.safety.case import Case
from runtime.proof.safety.entry_scene import (
    BID,
    CONTRACT,
    EQUITY,
    NOON_NS,
    POINT,
    SPREAD_POINTS,
    SYMBOLS,
    EntryScene,
    a_position,
    a_spec,
)
from runtime.proof.safety.scene import Answer

EDGE: Final = 0.0001
"""Share of equity by which a story stays within a limit, or goes beyond it."""

STEP_LOTS: Final = 0.01
_STEPS_TOLERANCE: Final = 1e-9
_ENTERED, _HELD, _ = SYMBOLS
_MIDDLE: Final = BID + SPREAD_POINTS * POINT / 2.0
_STOP_POINTS: Final = 200
_WIDE_STOP: Final = BID - _STOP_POINTS * POINT
_LEVERAGE_OF_MAJORS: Final = 30.0
"""What the European table allows both pairs of the scene."""


def lots_of(settings: Settings, equity: float, risk_frac: float) -> float:
    """Return the size whose loss is a share of equity, rounded down to the broker's step."""
    lots = equity * risk_frac / _loss_per_lot(settings)
    return floor(lots / STEP_LOTS + _STEPS_TOLERANCE) * STEP_LOTS


def _loss_per_lot(settings: Settings) -> float:
    commissions = 2.0 * settings.terminal.commission_per_lot
    return (_STOP_POINTS + SPREAD_POINTS) * POINT * CONTRACT + commissions


def _with_smallest(scene: EntryScene, lots: float) -> Answer:
    """Ask for an entry where the broker takes no less than some lots."""
    scene.say(a_spec(_ENTERED, volume_min_lots=round(lots, 2)))
    return scene.ask()


def _ceiling(scene: EntryScene, limit: float, steps: int) -> Answer:
    scene.say(_budget(multiplier=1.5))
    return _with_smallest(scene, lots_of(scene.settings, EQUITY, limit) + steps * STEP_LOTS)


def _floor(scene: EntryScene, limit: float, steps: int) -> Answer:
    left = EQUITY * 0.52  # so deep that the chain comes to next to nothing
    scene.at(NOON_NS + WEEK_NS, equity=left)
    return _with_smallest(scene, lots_of(scene.settings, left, limit) + steps * STEP_LOTS)


def _shrunk(scene: EntryScene, limit: float, steps: int) -> Answer:
    left = EQUITY * (1.0 - limit / 2.0)
    scene.at(NOON_NS + WEEK_NS, equity=left)
    halved = scene.settings.trading.risk_frac / 2.0
    return _with_smallest(scene, lots_of(scene.settings, left, halved) + steps * STEP_LOTS)


def _own_frac(scene: EntryScene) -> float:
    lots = lots_of(scene.settings, EQUITY, scene.settings.trading.risk_frac)
    return lots * _loss_per_lot(scene.settings) / EQUITY


def _beside(scene: EntryScene, limit: float, edge: float) -> Answer:
    """Ask beside a position that, with the entry, comes to the limit and an edge."""
    scene.hold(max(0.0, limit - _own_frac(scene) + edge))
    return scene.ask()


def _slipped(scene: EntryScene, _: float, edge: float) -> Answer:
    risk = scene.settings.agents.risk
    return _beside(scene, risk.slipped_heat_max / risk.slip_factor, edge)


def _budget(correlation: float | None = None, multiplier: float = 1.0) -> PortfolioBudget:
    known = () if correlation is None else (correlation,)
    return PortfolioBudget(
        scope=_ENTERED,
        multiplier=multiplier,
        method="erc",
        reason="",
        effective_from_ns=NOON_NS,
        correlations=tuple(
            SymbolCorrelation(scope=_ENTERED, other=_HELD, correlation=value) for value in known
        ),
    )


def _correlated(scene: EntryScene, correlation: float) -> Answer:
    scene.say(_budget(correlation))
    scene.hold(0.001)
    return scene.ask()


def _shared(scene: EntryScene, stop_price: float) -> Answer:
    """Ask for the same bet as a position of ours whose stop stands somewhere by now."""
    scene.say(_budget(0.99))
    own = scene.verdict(_HELD)
    scene.settle_order(own, Outcome.FILLED, BID)
    lots = own.lots if isinstance(own, RiskApproved) else 1.0
    scene.say(a_position(_HELD, intent_id=own.intent_id, lots=lots, stop_price=stop_price))
    return scene.ask()


def _leveraged(scene: EntryScene, notional: float, edge: float) -> Answer:
    own = lots_of(scene.settings, EQUITY, scene.settings.trading.risk_frac) * CONTRACT * _MIDDLE
    held = notional * (1.0 + edge) - own
    scene.hold(0.0, lots=max(STEP_LOTS, held / (CONTRACT * _MIDDLE)))
    return scene.ask()


def _counted(scene: EntryScene, count: int, symbol: str) -> Answer:
    scene.say(
        *(a_position(symbol, ticket=ticket, lots=STEP_LOTS) for ticket in range(1, count + 1)),
        _budget(0.0),
    )
    return scene.ask()


def _after_entries(scene: EntryScene, count: int) -> Answer:
    for _ in range(count):
        scene.settle_order(scene.verdict(_HELD), Outcome.NOT_EXECUTED)
    return scene.ask()


_case = partial(Case, stage=EntryScene)

CASES: Final = (
    _case(
        "agents.risk.risk_frac_min",
        "deep in a drawdown the chain gives its floor; the broker's smallest size is above it",
        "below_minimum_lot",
        lambda scene, limit: _floor(scene, limit, 0),
        lambda scene, limit: _floor(scene, limit, 1),
    ),
    _case(
        "agents.risk.risk_frac_max",
        "a budget of 1.5 shares wants more than the ceiling; the broker's smallest size is above",
        "below_minimum_lot",
        lambda scene, limit: _ceiling(scene, limit, 0),
        lambda scene, limit: _ceiling(scene, limit, 1),
        changes={"trading.risk_frac": "agents.risk.risk_frac_max"},
    ),
    _case(
        "agents.risk.drawdown_sizing",
        "halfway down half is risked; the broker's smallest size is above it",
        "below_minimum_lot",
        lambda scene, limit: _shrunk(scene, limit, 0),
        lambda scene, limit: _shrunk(scene, limit, 1),
        changes={
            "trading.risk_frac": "agents.risk.risk_frac_max",
            "agents.risk.risk_frac_min": 0.0005,
        },
    ),
    _case(
        "agents.risk.heat_max",
        "a position beside it: both stops together cost more than the limit",
        "heat_max",
        lambda scene, limit: _beside(scene, limit, -EDGE),
        lambda scene, limit: _beside(scene, limit, EDGE),
    ),
    _case(
        "agents.risk.correlated_heat_max",
        "a position whose correlation nobody knows: both are taken for one bet",
        "correlated_heat_max",
        lambda scene, limit: _beside(scene, limit, -EDGE),
        lambda scene, limit: _beside(scene, limit, EDGE),
    ),
    _case(
        "agents.risk.currency_risk_max",
        "a position that is short the dollar too: one move of it hits both stops",
        "currency_risk_max",
        lambda scene, limit: _beside(scene, limit, -EDGE),
        lambda scene, limit: _beside(scene, limit, EDGE),
    ),
    _case(
        "agents.risk.slipped_heat_max",
        "a position beside it: both stops, filled far beyond their prices, cost too much",
        "slipped_heat_max",
        lambda scene, limit: _slipped(scene, limit, -EDGE),
        lambda scene, limit: _slipped(scene, limit, EDGE),
        keeps=("slip_factor",),
    ),
    _case(
        "agents.risk.slip_factor",
        "the same, where the heat alone would pass",
        "slipped_heat_max",
        lambda scene, limit: _slipped(scene, limit, -EDGE),
        lambda scene, limit: _slipped(scene, limit, EDGE),
        keeps=("slipped_heat_max",),
    ),
    _case(
        "agents.risk.correlation_max",
        "a position of the same side whose symbol moves with the one that is entered",
        "correlation_max",
        _correlated,
        lambda scene, limit: _correlated(scene, (1.0 + limit) / 2.0),
        keeps=("correlation_mode",),
        changes={"agents.risk.correlation_max": 0.8},
        is_off=1.0,
    ),
    _case(
        "agents.risk.correlation_mode",
        "share: a position of the same bet, first with its stop at break-even, then still wide",
        "correlation_max",
        lambda scene, _: _shared(scene, BID),
        lambda scene, _: _shared(scene, _WIDE_STOP),
        changes={"agents.risk.correlation_mode": "share", "agents.risk.correlation_max": 0.8},
    ),
    _case(
        "agents.risk.leverage_max",
        "a large position without risk at its stop: gross notional beyond its multiple of equity",
        "leverage_max",
        lambda scene, limit: _leveraged(scene, limit * EQUITY, -EDGE),
        lambda scene, limit: _leveraged(scene, limit * EQUITY, EDGE),
    ),
    _case(
        "agents.risk.leverage_profile",
        "the same against the margin that the European table asks for",
        "leverage_profile",
        lambda scene, _: _leveraged(scene, _LEVERAGE_OF_MAJORS * EQUITY, -EDGE),
        lambda scene, _: _leveraged(scene, _LEVERAGE_OF_MAJORS * EQUITY, EDGE),
        changes={"agents.risk.leverage_profile": "esma"},
        is_off="none",
    ),
    _case(
        "agents.risk.positions_max",
        "as many positions as allowed are open",
        "positions_max",
        lambda scene, limit: _counted(scene, limit - 1, _HELD),
        lambda scene, limit: _counted(scene, limit, _HELD),
    ),
    _case(
        "agents.risk.positions_per_symbol_max",
        "as many positions of the symbol as allowed are open",
        "positions_per_symbol_max",
        lambda scene, limit: _counted(scene, limit - 1, _ENTERED),
        lambda scene, limit: _counted(scene, limit, _ENTERED),
    ),
    _case(
        "agents.risk.entries_per_hour_max",
        "as many entries as allowed were approved in the hour, whatever became of them",
        "entries_per_hour_max",
        lambda scene, limit: _after_entries(scene, limit - 1),
        _after_entries,
    ),
    _case(
        "agents.risk.entries_per_day_max",
        "as many entries as allowed were approved in the trading day",
        "entries_per_day_max",
        lambda scene, limit: _after_entries(scene, limit - 1),
        _after_entries,
    ),
)
