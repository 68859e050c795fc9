"""Which blackouts the arbiter keeps: those that can still forbid a decision."""

from agents.rounds.arbiter import Arbiter
from config.settings import Settings
from models.market.sessions import DAY_NS, MINUTE_NS
from tests.builders import T0_NS, a_blackout, an_entry


def test_what_was_over_a_day_ago_is_let_go_and_what_holds_is_kept() -> None:
    """However long a run, a close looks at the blackouts of its own days alone."""
    arbiter = Arbiter(Settings())
    spans = [(0, 400), (10, 30), (390, 395), (395, 405)]  # minutes; the first outlasts the second
    for seq, (from_min, until_min) in enumerate(spans, start=1):
        begins_ns = T0_NS + from_min * MINUTE_NS
        fact = a_blackout(from_ns=begins_ns, until_ns=T0_NS + until_min * MINUTE_NS)
        now_ns = begins_ns + (DAY_NS if seq == len(spans) else 0)
        arbiter.see(an_entry(fact, seq=seq, now_ns=now_ns))

    assert [each.seq for each in arbiter._blackouts["EURUSD"]] == [1, 3, 4]
    assert arbiter.news("EURUSD", T0_NS + 400 * MINUTE_NS)[1] == (1,)
    assert arbiter.news("EURUSD", T0_NS + 405 * MINUTE_NS)[1] == (4,)
