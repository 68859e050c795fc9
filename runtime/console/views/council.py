"""The council: how each agent is, what each voter said last and weighs, how it was arbitrated."""

from typing import Any

import msgspec

from agents.voters import VOTERS as IN_ORDER
from blackboard.facts import Decision, Vote
from runtime.console.present import Present
from runtime.reports.wording import GATES, VOTERS


def council(present: Present) -> dict[str, Any]:
    """Return the page."""
    told = {voter for past in present.symbols.values() for voter in past.votes}
    voters = [voter for voter in IN_ORDER if voter in told]
    return {
        "agents": [msgspec.to_builtins(agent) for agent in present.status.agents]
        if present.status
        else [],
        "weights": _weights(present),
        "voters": voters,
        "rounds": [_round(present, name, voters) for name in sorted(present.symbols)],
    }


def _weights(present: Present) -> list[dict[str, Any]]:
    if present.weights is None:
        return []
    return [
        {
            "voter": one.scope,
            "words": VOTERS.get(one.scope, one.scope),
            "weight": one.weight,
            "brier": one.brier if one.outcomes else None,
            "skill": one.skill if one.outcomes else None,
            "outcomes": one.outcomes,
            "is_proven": one.is_proven,
        }
        for one in present.weights.weights
    ]


def _round(present: Present, symbol: str, voters: list[str]) -> dict[str, Any]:
    past = present.symbols[symbol]
    entry = past.decisions[-1] if past.decisions else None
    latest = {voter: past.votes[voter][-1][1] for voter in voters if past.votes.get(voter)}
    return {
        "symbol": symbol,
        "votes": {voter: _vote(vote) for voter, vote in latest.items()},
        "seq": entry.seq if entry else 0,
        "decision": decision_data(entry.fact)
        if entry is not None and isinstance(entry.fact, Decision)
        else None,
    }


def _vote(vote: Vote) -> dict[str, Any]:
    return {
        "probability_up": vote.probability_up,
        "abstains": vote.abstains,
        "reason": vote.reason,
        "model": vote.model,
    }


def decision_data(decision: Decision) -> dict[str, Any]:
    """Return a decision with the words for the gate that stopped it."""
    return {
        "action": decision.action.value,
        "probability_up": decision.probability_up,
        "confidence": decision.confidence,
        "expected_value_r": decision.expected_value_r,
        "blocked_by": decision.blocked_by,
        "words": GATES.get(decision.blocked_by, decision.blocked_by),
        "gates": [
            {
                "name": gate.name,
                "passed": gate.passed,
                "value": gate.value,
                "threshold": gate.threshold,
                "detail": gate.detail,
            }
            for gate in decision.gates
        ],
        "shares": [
            {
                "voter": share.scope,
                "probability_up": share.probability_up,
                "weight": share.weight,
                "abstains": share.abstains,
            }
            for share in decision.shares
        ],
    }
