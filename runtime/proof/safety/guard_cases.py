"""Cases of the rules that no setting moves: what is unknown, stopped or broken permits nothing."""

from functools import partial
from math import nan
from typing import Any, Final

import msgspec

from blackboard.facts import (
    ACCOUNT,
    AgentHealth,
    AnyFact,
    OperatorCommand,
    OrderSubmitting,
    RiskRefused,
)
from blackboard.facts.control import Command, Health, TradingState
from blackboard.facts.decision import Side
from blackboard.facts.execution import Purpose
from blackboard.facts.market import FeedState
from blackboard.facts.news import Coverage
from models.market.sessions import MINUTE_NS
from runtime.proof.safety.case import Case, Story
from runtime.proof.safety.entry_scene import (
    NOON_NS,
    SYMBOLS,
    EntryScene,
    a_coverage,
    a_feed,
    a_quote,
    a_reconciled,
    a_spec,
    a_state,
    an_intent,
)
from runtime.proof.safety.scene import Answer

_ENTERED: Final = SYMBOLS[0]
_CLOSE_ONLY: Final = 3
"""The terminal's trade mode in which positions may only be closed."""
_LATE: Final = "late"


def _said(*facts: AnyFact, **wish: Any) -> Story:
    """Return the story in which something is said, and then an entry is asked for."""

    def told(scene: EntryScene, _: object) -> Answer:
        if facts:
            scene.say(*facts)
            scene.settle()
        return scene.ask(**wish)

    return told


def _late(scene: EntryScene, *, is_read: bool) -> Answer:
    """Let an intent run out before the account is read, or before anybody looks at it."""
    scene.now_ns += MINUTE_NS
    if is_read:
        scene.read_account()
    intent = an_intent(_ENTERED, scene.now_ns, _LATE)
    scene.say(intent)
    scene.now_ns += 2 * MINUTE_NS
    scene.settle()
    reasons = [fact.reason for fact in scene.facts(RiskRefused) if isinstance(fact, RiskRefused)]
    return Answer(f"{intent.side} {_ENTERED}, two minutes late", reasons[-1] if reasons else "")


def _bound(scene: EntryScene, _: object) -> Answer:
    scene.read_account(margin_free=0.0)
    return scene.ask()


_SENT: Final = OrderSubmitting(
    scope=_ENTERED,
    intent_id="sent",
    purpose=Purpose.ENTRY,
    side=Side.BUY,
    lots=0.1,
    stop_price=1.0,
    target_price=1.2,
    position_ticket=0,
    magic=1,
    comment="proof",
)
_OLD_QUOTE: Final = msgspec.structs.replace(a_quote(_ENTERED), valid_until_ns=NOON_NS - 1)

_case = partial(Case, inside=_said(), stage=EntryScene)


def _by(reason: str, scenario: str, beyond: Story, **changes: Any) -> Case:
    return _case(limit=reason, scenario=scenario, reason=reason, beyond=beyond, **changes)


CASES: Final = (
    _by(
        "no_account",
        "the account was not read at or after the intent's close",
        lambda scene, _: _late(scene, is_read=False),
        survives=False,
    ),
    _by(
        "expired",
        "the intent has run out before anybody judged it",
        lambda scene, _: _late(scene, is_read=True),
        survives=False,
    ),
    _by("trading_state", "the state is REDUCING", _said(a_state(TradingState.REDUCING))),
    _by("trading_state", "the state is HALTED", _said(a_state(TradingState.HALTED))),
    _by(
        "unanswered_command",
        "a person said pause, and the supervisor has not answered",
        _said(OperatorCommand(scope=ACCOUNT, command=Command.PAUSE, origin="proof")),
    ),
    _by(
        "agent_health",
        "the supervisor is down: nobody could take a permission back",
        _said(
            AgentHealth(
                scope="supervisor", health=Health.DOWN, mode="true", restarts=1, reason="proof"
            )
        ),
    ),
    _by(
        "not_reconciled",
        "the broker's book cannot be explained",
        _said(a_reconciled(is_clean=False, reason="proof")),
    ),
    _by("symbol_frozen", "an order of the symbol has no outcome yet", _said(_SENT)),
    _by(
        "symbol_closed",
        "the broker lets positions of the symbol only be closed",
        _said(a_spec(_ENTERED, trade_mode=_CLOSE_ONLY)),
    ),
    _by("feed_stale", "no bar has come for too long", _said(a_feed(_ENTERED, FeedState.STALE))),
    _by(
        "feed_stale",
        "the prices are another source's",
        _said(a_feed(_ENTERED, FeedState.FALLBACK)),
    ),
    _by(
        "conversion_rate",
        "nothing tells what the profit currency is worth",
        _said(a_feed(_ENTERED, FeedState.UNVALUED)),
    ),
    _by("quote_missing", "the latest quote is over", _said(_OLD_QUOTE)),
    _by(
        "calendar_unknown",
        "a calendar is configured and cannot be read",
        _said(a_coverage(Coverage.UNKNOWN)),
    ),
    _by("not_finite", "a figure of the intent is no number", _said(expected_value_r=nan)),
    _by("no_edge", "the expected value leaves nothing to risk", _said(expected_value_r=-0.03)),
    _by("margin", "the broker has no margin free", _bound),
)
