"""The way out of a drawdown: judgement, cooldown, probation, each with its own restriction.

A value that entries move on and time moves along; `restriction` says what holds at an instant.
"""

from typing import Final

import msgspec

from blackboard.facts import FOREVER_NS, RetrainRequested
from blackboard.facts.control import Restriction, TradingState

DRAWDOWN: Final = "drawdown_reducing"
"""Cause of the restriction, name of the limit, and reason of the retraining it asks for."""


class DrawdownPath(msgspec.Struct, frozen=True, kw_only=True):
    """The way through a drawdown: judgement, cooldown, probation."""

    breach_ns: int
    breach_seq: int
    evidence: str
    cooldown_ns: int
    probation_ns: int
    is_requested: bool = False
    """Whether the retraining was asked for; only a verdict after that counts."""
    asked: str = ""
    """What was asked to be retrained; a verdict on something else, such as a model that was due by
    the timetable, answers another question."""
    verdict_ns: int = FOREVER_NS
    verdict: str = ""
    held_until_ns: int = 0
    """When a person let trading go on after the second threshold: no probation begins before."""

    @property
    def is_judged(self) -> bool:
        """Whether a verdict is there."""
        return self.verdict_ns < FOREVER_NS

    @property
    def cooldown_until_ns(self) -> int:
        """End of the cooldown, never while no verdict is there."""
        if not self.is_judged:
            return FOREVER_NS
        return max(self.verdict_ns + self.cooldown_ns, self.held_until_ns)

    @property
    def probation_until_ns(self) -> int:
        """End of the probation."""
        return self.cooldown_until_ns + self.probation_ns if self.is_judged else FOREVER_NS

    def after_request(self, request: RetrainRequested, at_ns: int) -> "DrawdownPath":
        """Return the way with what it has asked for; who else asks changes nothing."""
        if request.reason != DRAWDOWN or at_ns != self.breach_ns:
            return self
        return msgspec.structs.replace(self, is_requested=True, asked=request.scope)

    def restriction(self, now_ns: int) -> Restriction | None:
        """Return what the stage reached at an instant restricts, None when the way is done."""
        if now_ns >= self.probation_until_ns:
            return None
        if now_ns >= self.cooldown_until_ns:
            return Restriction(
                scope=DRAWDOWN,
                state=TradingState.ACTIVE,
                since_ns=self.cooldown_until_ns,
                evidence=self.evidence,
                way_out="half risk until the probation ends",
                cooldown_until_ns=self.cooldown_until_ns,
                is_probation=True,
            )
        way_out = "a candidate is judged, then cooldown, then probation"
        if self.is_judged:
            way_out = f"{self.verdict}; cooldown, then probation"
        return Restriction(
            scope=DRAWDOWN,
            state=TradingState.REDUCING,
            since_ns=self.breach_ns,
            evidence=self.evidence,
            way_out=way_out,
            cooldown_until_ns=self.cooldown_until_ns if self.is_judged else 0,
        )
