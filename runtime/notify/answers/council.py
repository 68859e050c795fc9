"""The council and its reasons: /agents, /votes, /why, /whynot, /news, /models."""

import re
from collections.abc import Iterator
from typing import Any, Final

from blackboard.facts import Headline, SentimentScore
from models.market.sessions import DAY_NS, MINUTE_NS
from runtime.console.views.council import council
from runtime.instants import instant_ns
from runtime.notify.outbox import Note
from runtime.notify.sources import Refused, Sources, Words, aligned
from runtime.picture import clock_text
from runtime.reports.wording import VOTERS, told

TRAIL_LINES_MAX: Final = 40
BRIEF_LENGTH_MAX: Final = 160
OF_DAY: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
TEXTS_SHOWN: Final = 5
TEXT_LENGTH_MAX: Final = 120
TRAIL_KINDS: Final = frozenset(
    {
        *("TradeClosed", "PositionChanged", "Fill", "OrderOutcome", "OrderSubmitting"),
        *("RiskApproved", "OrderIntent", "ExitIntent", "AmendIntent", "OperatorCommand"),
        *("Decision", "Vote", "EntryBlackout", "TradingStateChanged"),
    }
)
"""Kinds that are told on the way from a trade back to its opinions; bars are left out."""
LEFT_OUT: Final = (
    *("intent_id=", "timeframe=", "magic=", "comment=", "attempt=", "horizon_bars="),
    *("reference_price=", "barrier_distance=", "position_ticket=", "order_ticket="),
)
"""Fields that a person on the way does not need; the console and `why` have them all."""
_STATES: Final = {"true": "on", "false": "off"}


def agents(sources: Sources, words: Words) -> Note:
    """Tell each agent's health, mode, restarts and last fact, and what voters weigh."""
    del words
    with sources.present.held():
        page = council(sources.present)
    if not page["agents"]:
        return Note(title="Agents", text="nothing is known of them yet")
    rows = [("agent", "health", "mode", "restarts", "last fact")]
    rows += [
        (
            one["name"],
            one["health"],
            _STATES.get(one["mode"], one["mode"]),
            str(one["restarts"]),
            _age(one["last_fact_age_s"]),
        )
        for one in page["agents"]
    ]
    weights = [("", "", "", "", "")] if page["weights"] else []
    weights += [
        (one["voter"], f"weight {one['weight']:.2f}", _skill(one), "", "")
        for one in page["weights"]
    ]
    return Note(title="Agents", text=aligned(rows + weights), is_table=True)


def votes(sources: Sources, words: Words) -> Note:
    """Tell the latest decision of every symbol, or of one with each voter's share and gates."""
    with sources.present.held():
        rounds = council(sources.present)["rounds"]
    if not words:
        rows = [("", "up", "decision")]
        rows += [
            (
                each["symbol"],
                f"{each['decision']['probability_up']:.1%}",
                _verdict(each["decision"]),
            )
            for each in rounds
            if each["decision"] is not None
        ]
        return Note(title="Votes", text=aligned(rows), is_table=True)
    symbol = words[0].upper()
    found = next((each for each in rounds if each["symbol"] == symbol), None)
    if found is None:
        known = ", ".join(each["symbol"] for each in rounds) or "none yet"
        raise Refused(f"{symbol[:20]} is no symbol of this run; there are {known}")
    return Note(title=f"Votes on {symbol}", text="\n".join(_votes_on(found)))


def why(sources: Sources, words: Words) -> Note:
    """Walk from a trade back to the order, the permission, the decision and the votes."""
    if len(words) != 1 or not (words[0].isascii() and words[0].isdecimal()) or len(words[0]) > 18:
        raise Refused("a ticket is needed: /why TICKET; /status and /trades show them")
    trail = sources.questions.ticket(int(words[0]))
    if trail is None:
        raise Refused(f"nothing is known of a ticket {words[0]}")
    lines = list(_trail(trail))
    return Note(title=f"Why {words[0]}", text="\n".join(lines[:TRAIL_LINES_MAX]))


def why_not(sources: Sources, words: Words) -> Note:
    """Name the first gate that kept a symbol from being traded, by default now."""
    if not words:
        raise Refused("a symbol is needed: /whynot SYMBOL [12:15 or 2025-03-05T12:15Z]")
    symbol = words[0].upper()[:20]
    with sources.present.held():
        time_ns = sources.present.picture.now_ns
    if len(words) > 1:
        time_ns = _moment_ns("T".join(words[1:]), time_ns)
    found = sources.questions.why_not(symbol, time_ns)
    lines = [
        f"close of {clock_text(found['close_ns'])} UTC",
        f"{found['answer']}: {found['words']}",
    ]
    if found["name"]:
        lines.append(f"{found['name']}: {found['value']:g} against {found['threshold']:g}")
    if found["detail"]:
        lines.append(found["detail"])
    if found["side"]:
        lines.append(f"side {found['side']}")
    lines += [
        f"{told(VOTERS, voice['voter'])}: "
        + (f"abstained {voice['said']}" if voice["abstains"] else _leaning(voice))
        for voice in found["voices"]
    ]
    return Note(title=f"Why not {symbol}", text="\n".join(lines))


def news(sources: Sources, words: Words) -> Note:
    """Tell the calendar's coverage, events near, and what texts said last."""
    del words
    with sources.present.held():
        return Note(title="News", text="\n".join(_news(sources)))


def models(sources: Sources, words: Words) -> Note:
    """Tell who serves in each family, the last verdict, and when it is trained next."""
    del words
    page = sources.questions.learning()
    lines = []
    for family in page["standing"]["families"]:
        serves = family["serves"] or "the baseline"
        lines.append(f"{family['family']}: {serves} serves")
        if family["verdict"]:
            lines.append(f"  last: {family['verdict']}")
        if family["next_training"]:
            lines.append(f"  next training {family['next_training']}")
        if family["alarm"]:
            lines.append(f"  alarm: {family['alarm']}")
    lines.append(f"parameters: {page['standing']['parameters']}")
    return Note(title="Models", text="\n".join(lines))


def _age(seconds: float) -> str:
    return "none" if seconds < 0.0 else f"{seconds:.0f} s"


def _skill(one: dict[str, Any]) -> str:
    return "unscored" if one["skill"] is None else f"skill {one['skill']:+.3f}"


def _verdict(decision: dict[str, Any]) -> str:
    if decision["blocked_by"]:
        return f"hold: {decision['blocked_by']}"
    return f"{decision['action']} {decision['expected_value_r']:+.2f} R"


def _votes_on(found: dict[str, Any]) -> Iterator[str]:
    decision = found["decision"]
    weights = {share["voter"]: share for share in decision["shares"]} if decision else {}
    for voter, vote in found["votes"].items():
        share = weights.get(voter)
        weight = f", weight {share['weight']:.2f}" if share else ""
        if vote["abstains"]:
            yield f"{told(VOTERS, voter)}: abstains, {vote['reason']}"
        else:
            yield f"{told(VOTERS, voter)}: {vote['probability_up']:.1%} up{weight}"
    if decision is None:
        yield "nothing is decided yet"
        return
    yield f"together {decision['probability_up']:.1%} up: {_verdict(decision)}"
    if decision["blocked_by"]:
        yield decision["words"]
    for gate in decision["gates"]:
        sign = "passed" if gate["passed"] else "stopped"
        yield f"{gate['name']} {sign}: {gate['value']:.4g} against {gate['threshold']:.4g}"


def _trail(trail: dict[str, Any]) -> Iterator[str]:
    """Yield the tree of causes, each entry once, a level two columns further in."""
    entries, shown = trail["entries"], set()
    waiting = [(0, trail["root"])]
    while waiting:
        depth, seq = waiting.pop()
        entry = entries.get(str(seq))
        if entry is None or seq in shown or entry["kind"] not in TRAIL_KINDS:
            continue
        shown.add(seq)
        said = (part for part in entry["brief"].split(", ") if not part.startswith(LEFT_OUT))
        brief = ", ".join(said)[:BRIEF_LENGTH_MAX]
        yield f"{'  ' * depth}#{seq} {clock_text(entry['at_ns'])} {entry['kind']}: {brief}"
        waiting += [(depth + 1, cause) for cause in sorted(entry["causes"], reverse=True)]


def _moment_ns(text: str, now_ns: int) -> int:
    """Return an instant; a bare time of day in UTC is the latest such one."""
    if OF_DAY.fullmatch(text):
        day_ns = now_ns // DAY_NS * DAY_NS
        moment_ns = day_ns + (int(text[:2]) * 60 + int(text[3:])) * MINUTE_NS
        return moment_ns if moment_ns <= now_ns else moment_ns - DAY_NS
    try:
        return instant_ns(text)
    except ValueError as error:
        raise Refused(f"the time {error}, or 12:15 for the latest such minute in UTC") from error


def _leaning(voice: dict[str, Any]) -> str:
    return f"{voice['probability_up']:.1%} up, weight {voice['weight']:.2f}"


def _news(sources: Sources) -> Iterator[str]:
    present = sources.present
    now_ns, coverage = present.picture.now_ns, present.coverage
    yield f"calendar {coverage.state.value}: {coverage.reason}" if coverage else "no calendar yet"
    events = {
        (one.from_ns, one.event): one
        for past in present.symbols.values()
        for one in past.blackouts
        if one.valid_until_ns > now_ns
    }
    for from_ns, event in sorted(events)[:TEXTS_SHOWN]:
        until = clock_text(events[from_ns, event].valid_until_ns)
        yield f"no entries {clock_text(from_ns)} to {until}: {event}"
    scores: dict[str, SentimentScore] = {}
    headlines: list[str] = []
    for entry in reversed(present.entries):
        match entry.fact:
            case SentimentScore(scope=currency) as score:
                scores.setdefault(currency, score)
            case Headline() as headline if len(headlines) < TEXTS_SHOWN:
                headlines.append(headline.text[:TEXT_LENGTH_MAX])
            case _:
                pass
    if scores:
        told_scores = (f"{name} {score.score:+.2f}" for name, score in sorted(scores.items()))
        yield "scores " + ", ".join(told_scores)
    yield from headlines
