"""The memory of news: bounded, and the same whether facts came from the board or are foreseen."""

from agents.news.state import BLACKOUTS_MAX, EVENTS_MAX, TEXTS_PER_CURRENCY_MAX, News
from blackboard.entry import Draft
from blackboard.facts import EconomicEvent, EntryBlackout, Headline
from blackboard.facts.news import Impact


def an_event(scheduled_ns: int, title: str = "CPI") -> EconomicEvent:
    """Return an event at a time."""
    return EconomicEvent(
        scope="USD", title=title, impact=Impact.HIGH, scheduled_ns=scheduled_ns, source="test"
    )


def a_headline(text: str) -> Headline:
    """Return a text about the euro."""
    return Headline(scope="EUR", text=text, source="test")


def test_events_that_lie_farthest_back_are_forgotten() -> None:
    """Beyond the limit the half that is scheduled first goes."""
    news = News()

    for scheduled_ns in range(EVENTS_MAX + 1):
        news.take(an_event(scheduled_ns), 0, 1)

    assert len(news.events) == EVENTS_MAX // 2
    assert min(key[2] for key in news.events) == EVENTS_MAX + 1 - EVENTS_MAX // 2


def test_blackouts_that_ended_first_are_forgotten() -> None:
    """Beyond the limit the half that ends first goes."""
    news = News()

    for end_ns in range(BLACKOUTS_MAX + 1):
        blackout = EntryBlackout(
            scope="EURUSD",
            valid_until_ns=end_ns,
            from_ns=0,
            impact=Impact.HIGH,
            currency="USD",
            event=str(end_ns),
        )
        news.take(blackout, 0, 1)

    assert len(news.blackouts) == BLACKOUTS_MAX // 2
    assert min(news.blackouts.values()) == BLACKOUTS_MAX + 1 - BLACKOUTS_MAX // 2


def test_the_oldest_texts_are_forgotten() -> None:
    """A flood of texts about one currency stays within its limit."""
    news = News()

    for number in range(TEXTS_PER_CURRENCY_MAX + 10):
        news.take(a_headline(f"Euro rises {number}"), number + 1, number + 1)

    texts = news.texts_about("EUR", 0, 10_000)
    assert len(texts) == TEXTS_PER_CURRENCY_MAX
    assert texts[0].text == "Euro rises 10"


def test_foreseeing_drafts_changes_nothing_but_the_copy() -> None:
    """The copy knows what was drafted, by its slot; the original does not."""
    news = News()
    draft = Draft(fact=a_headline("Euro rises"), ts_event_ns=5)

    ahead = news.foresee([draft, Draft(fact=an_event(7), ts_event_ns=5)])

    assert news == News()
    assert [text.cause for text in ahead.texts_about("EUR", 0, 5)] == [draft.slot]
    assert (ahead.newest_text_ns, len(ahead.events)) == (5, 1)
