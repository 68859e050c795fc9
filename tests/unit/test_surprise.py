"""Releases: figures as calendars write them, and what a surprise says of its currency."""

import pytest

from agents.news.releases import EARLIER_MAX, Releases
from blackboard.facts import EconomicEvent
from blackboard.facts.news import Impact
from models.opinion.surprise import figure_of, sign_of, surprise_score

DAY_NS = 86_400_000_000_000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.8%", 0.8),
        ("-0.2%", -0.2),
        ("−0.2%", -0.2),
        ("10.56M", 10.56e6),
        ("-80.2B", -80.2e9),
        ("236K", 236e3),
        ("1,234K", 1_234e3),
        ("2.76|2.5", 2.76),
        ("<0.25%", 0.25),
        ("0,5%", 0.5),
        ("", None),
        ("n/a", None),
        ("NaN", None),
        ("9" * 400, 9.99999999999999e14),
    ],
)
def test_a_figure_is_read_as_calendars_write_it(text: str, value: float | None) -> None:
    """Percent, thousands to trillions, auctions, and what is none."""
    assert figure_of(text) == value


@pytest.mark.parametrize(
    ("title", "sign"),
    [
        ("Unemployment Rate", -1.0),
        ("Initial Jobless Claims", -1.0),
        ("Claimant Count Change", -1.0),
        ("Core CPI m/m", 1.0),
        ("Non-Farm Employment Change", 1.0),
    ],
)
def test_more_unemployment_is_worse(title: str, sign: float) -> None:
    """What is bad when there is more of it is turned round; prices rising lift rates."""
    assert sign_of(title) == sign


def test_a_surprise_is_measured_by_its_own_history() -> None:
    """0.2 over a usual 0.1 is two standard deviations: full; unemployment the other way."""
    assert surprise_score("CPI", 0.2, [0.1, -0.1]) == 1.0
    assert surprise_score("CPI", 0.05, [0.1, -0.1]) == 0.25
    assert surprise_score("Unemployment Rate", 0.05, [0.1, -0.1]) == -0.25
    assert surprise_score("CPI", 5.0, [0.1, -0.1]) == 1.0


def test_without_a_spread_nothing_is_said() -> None:
    """No earlier surprises, or none that differed from its forecast."""
    assert surprise_score("CPI", 0.2, []) == 0.0
    assert surprise_score("CPI", 0.2, [0.0, 0.0]) == 0.0
    assert surprise_score("CPI", float("nan"), [0.1, -0.1]) == 0.0


def an_event(day: int, actual: str, forecast: str = "0.2%", **changes: object) -> EconomicEvent:
    """Return a monthly release."""
    fields: dict[str, object] = {
        "scope": "USD",
        "title": "CPI m/m",
        "impact": Impact.HIGH,
        "scheduled_ns": day * DAY_NS,
        "source": "file",
        "actual": actual,
        "forecast": forecast,
    }
    return EconomicEvent(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_release_speaks_once_enough_earlier_ones_are_known() -> None:
    """Three surprises of 0.1, then one of 0.1: one standard deviation, half of full."""
    releases = Releases(surprises_min=3)
    for day, actual in enumerate(("0.3%", "0.1%", "0.3%"), 1):
        releases.take(an_event(day, actual), day)
    assert releases.about("USD", 0, 9 * DAY_NS) == []

    releases.take(an_event(4, "0.3%"), 4)

    (release,) = releases.about("USD", 0, 9 * DAY_NS)
    assert release.score == pytest.approx(0.5)
    assert (release.weight, release.cause) == (1.0, 4)


def test_before_its_figure_is_known_an_event_says_nothing() -> None:
    """A title has volatility, no direction; nor has an event of low impact."""
    releases = Releases(surprises_min=1)
    releases.take(an_event(1, "0.3%"), 1)

    releases.take(an_event(2, ""), 2)
    releases.take(an_event(3, "0.3%", ""), 3)
    releases.take(an_event(4, "0.3%", impact=Impact.LOW), 4)

    assert releases.about("USD", 0, 9 * DAY_NS) == []


def test_a_corrected_figure_takes_the_place_of_the_first() -> None:
    """Two facts of one release are one opinion."""
    releases = Releases(surprises_min=1)
    releases.take(an_event(1, "0.3%"), 1)
    releases.take(an_event(2, "0.4%"), 2)
    releases.take(an_event(2, "0.1%"), 3)

    (release,) = releases.about("USD", 0, 9 * DAY_NS)

    assert release.score == pytest.approx(-0.5)


def test_what_is_remembered_is_bounded() -> None:
    """Four years of a monthly event, and no growth by invented titles."""
    releases = Releases(surprises_min=1)
    for day in range(200):
        releases.take(an_event(day, "0.3%"), day)
    for number in range(1_200):
        releases.take(an_event(1, "0.3%", title=f"event {number}"), number)

    assert len(releases.surprises) <= 1_000
    assert all(len(each) <= EARLIER_MAX for each in releases.surprises.values())
    assert len(releases.by_currency["USD"]) <= 64


def test_a_copy_folds_apart() -> None:
    """What is foreseen of drafts does not change what is known."""
    releases = Releases(surprises_min=1)
    releases.take(an_event(1, "0.3%"), 1)

    releases.copy().take(an_event(2, "0.3%"), 2)

    assert releases.about("USD", 0, 9 * DAY_NS) == []
    assert list(releases.surprises["USD", "CPI m/m"]) == [DAY_NS]
