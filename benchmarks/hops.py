"""When each word of a round was taken by the board, read from the facts' own times."""

from collections import defaultdict
from pathlib import Path
from typing import Final

from blackboard.facts import (
    Bar,
    Decision,
    OrderIntent,
    OrderSubmitting,
    PortfolioBudget,
    RiskApproved,
    VolatilityForecast,
    Vote,
)
from blackboard.facts.execution import Purpose
from runtime.proof.lineage import entries_of

WORDS: Final = {
    Bar: "bar",
    Vote: "vote",
    VolatilityForecast: "forecast",
    PortfolioBudget: "budget",
    Decision: "decision",
    OrderIntent: "intent",
}
"""Words that carry the close which they are of."""


def rounds_of(journal: Path, speed: float, first_ns: int) -> list[dict[str, float]]:
    """Return by decision round when each word came, in milliseconds of process time after its bar.

    Parameters
    ----------
    journal
        Folder of the journal of a run that followed the clock.
    speed
        Market seconds in one second: the times of facts are market time.
    first_ns
        Closes before this moment do not count: the system was starting.

    Returns
    -------
    list[dict[str, float]]
        A word that came several times counts by the last, which is what the next hop waits for;
        votes by author and altogether. The close itself is a word too.
    """
    times: dict[int, dict[str, int]] = defaultdict(dict)
    closes: dict[str, int] = {}
    for entry in entries_of(journal):
        fact = entry.fact
        close_ns, words = entry.ts_event_ns, [WORDS.get(type(fact), "")]
        match fact:
            case OrderIntent(intent_id=intent_id):
                closes[intent_id] = close_ns
            case Vote():
                words.append(f"vote {entry.author}")
            case RiskApproved(intent_id=intent_id) if intent_id in closes:
                close_ns, words = closes[intent_id], ["permission"]
            case OrderSubmitting(intent_id=intent_id, purpose=Purpose.ENTRY):
                close_ns, words = closes.get(intent_id, 0), ["order"]
            case _:
                pass
        times[close_ns]["close"] = close_ns
        for word in filter(None, words):
            times[close_ns][word] = max(times[close_ns].get(word, 0), entry.known_at_ns)
    return [
        {word: (at_ns - words["bar"]) / 1e6 / speed for word, at_ns in words.items()}
        for close_ns, words in sorted(times.items())
        if close_ns >= first_ns and "bar" in words and "decision" in words
    ]
