"""For how long a vote may be open before it is forgotten unjudged."""

import pytest

from agents.scores.age import OPEN_CLOSES, open_ns
from blackboard.facts import Timeframe
from models.market.sessions import DAY_NS, next_bar_close_ns, week_close_ns
from tests.random_bars import SUNDAY_OPEN_NS


@pytest.mark.parametrize("timeframe", list(Timeframe))
@pytest.mark.parametrize("closes_left", [1, 10, 39])
def test_the_longest_vote_outlives_its_weekends(timeframe: Timeframe, closes_left: int) -> None:
    """One that is made shortly before a weekend is judged like any other."""
    voted_ns = week_close_ns(SUNDAY_OPEN_NS + DAY_NS) - closes_left * timeframe.length_ns
    close_ns = voted_ns
    for _ in range(OPEN_CLOSES):
        close_ns = next_bar_close_ns(close_ns, timeframe.length_ns)

    assert close_ns - voted_ns <= open_ns(timeframe)
