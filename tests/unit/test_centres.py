"""Which trading centres work at an instant."""

import pytest

from models.market.centres import BETWEEN, centres_at_work
from runtime.instants import instant_ns


@pytest.mark.parametrize(
    ("moment", "names"),
    [
        ("2018-02-06T03:00:00Z", "Tokyo"),  # 12:00 in Tokyo
        ("2018-02-06T08:30:00Z", "Tokyo and London"),  # 17:30 and 8:30
        ("2018-02-06T10:00:00Z", "London"),
        ("2018-02-06T14:00:00Z", "London and New York"),  # 14:00 and 9:00
        ("2018-02-06T19:00:00Z", "New York"),
        ("2018-02-06T23:00:00Z", BETWEEN),  # 18:00 in New York, 8:00 in Tokyo
        ("2018-07-03T12:00:00Z", "London and New York"),  # summer: 13:00 and 8:00
        ("2018-03-14T12:00:00Z", "London and New York"),  # America is ahead: 12:00 and 8:00
        ("2018-02-04T23:30:00Z", BETWEEN),  # Monday 8:30 in Tokyo
    ],
)
def test_centres(moment: str, names: str) -> None:
    """Each works in its own local hours, daylight saving included."""
    assert centres_at_work(instant_ns(moment)) == names
