"""Posts that are no opinion, and texts that are the same."""

import pytest

from models.opinion.post_filter import (
    ADVERTISING,
    CASHTAGS,
    HASHTAGS,
    LINKS,
    SHOUTING,
    WORDLESS,
    PostTerms,
    gist_of,
    why_unwanted,
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("$EURUSD breaks 1.0670, euro looks strong into the ECB", ""),
        ("Yen weakens past 150, intervention watch https://t.co/a", ""),
        ("$EURUSD $GBPUSD $USDJPY levels for today", CASHTAGS),
        ("euro up https://t.co/a https://t.co/b", LINKS),
        ("#fx #forex #trading #euro #usd euro is up", HASHTAGS),
        ("Euro will fly, DM me for my trades", ADVERTISING),
        ("Free signals for the dollar on Telegram", ADVERTISING),
        ("EUR/USD", WORDLESS),
        ("https://t.co/abcdefgh", WORDLESS),
        ("\U0001f680" * 40, WORDLESS),
        ("BUY THE DOLLAR NOW BEFORE IT IS TOO LATE FOR EVERYBODY", SHOUTING),
        ("", WORDLESS),
    ],
)
def test_a_post_is_dropped_for_a_reason(text: str, reason: str) -> None:
    """Lists of tickers, links, advertisements, shouting, and what has no words."""
    assert why_unwanted(text, PostTerms()) == reason


def test_copies_are_one_text() -> None:
    """Other links, handles, capitals and punctuation make no second opinion."""
    first = gist_of("Euro climbs to 1.07! https://t.co/a")

    assert gist_of("RT @desk: EURO climbs to 1.07 https://t.co/b") == first
    assert gist_of("Euro falls to 1.07! https://t.co/a") != first
