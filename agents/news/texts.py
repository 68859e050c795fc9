"""What an answer about texts becomes: headlines with their scores, and an account of the rest.

Foreign text is cut and cleaned before it becomes part of a fact. A score that is no number in its
bounds is passed over as if nobody had given one: direction words then say what the text means.
"""

import hashlib
import math
from collections.abc import Iterator
from typing import Final

from agents.news.state import News
from agents.requests import HeadlineReading, HeadlinesRead, Unanswered
from blackboard.entry import Draft
from blackboard.facts import MARKET, Headline, TextsRead
from blackboard.facts.news import TEXT_LENGTH_MAX, DroppedTexts
from models.opinion.sentiment import SCORER, clean_text, score_text

SOURCE_LENGTH_MAX: Final = 64
"""Longest name of a source or scorer that is passed on."""
REASONS_MAX: Final = 16
"""Reasons for dropping texts that are told; the rest are told as one."""
LATER, OTHER, NOT_SCORED = "over the limit", "other", "score out of bounds"


def text_drafts(
    answer: HeadlinesRead | Unanswered,
    at_ns: int,
    read_ns: int,
    news: News,
    currencies: frozenset[str],
) -> list[Draft]:
    """Return what an answer tells that the board does not have yet."""
    if isinstance(answer, Unanswered):
        return _account(at_ns, news, [], {}, f"unanswered: {answer.reason}")
    limit = answer.request.limit
    # A text from the future is left until its time comes: it is delivered again.
    fresh = [
        each
        for each in answer.headlines[:limit]
        if news.newest_text_ns < each.received_ns <= read_ns
    ]
    drafts = [draft for each in fresh for draft in _headline_drafts(each, currencies)]
    dropped = dict(answer.dropped)
    later = answer.headlines[limit:]
    passed = sum(bool(fresh) and each.received_ns <= fresh[-1].received_ns for each in later)
    if passed:  # the next answer begins after the newest that was taken
        dropped[LATER] = dropped.get(LATER, 0) + passed
    lost = sum(bool(each.scorer) and not _is_sound(each) for each in fresh)
    if lost:
        dropped[NOT_SCORED] = dropped.get(NOT_SCORED, 0) + lost
    return [*drafts, *_account(at_ns, news, fresh, dropped, answer.note)]


def digest(*parts: object) -> str:
    """Return a short name for a content, the same in every process."""
    content = "\n".join(str(part) for part in parts)
    return hashlib.blake2b(content.encode(), digest_size=8).hexdigest()


def _headline_drafts(reading: HeadlineReading, currencies: frozenset[str]) -> Iterator[Draft]:
    """Yield one headline for each traded currency it names, or one for the market.

    Every text leaves a fact, because the newest one tells from where to read on.
    """
    text = clean_text(reading.text, TEXT_LENGTH_MAX) or "(empty)"
    is_scored = bool(reading.scorer) and _is_sound(reading)
    scores = dict(reading.scores) if is_scored else dict.fromkeys(score_text(text), 0.0)
    scorer = clean_text(reading.scorer, SOURCE_LENGTH_MAX) if is_scored else ""
    for scope in [each for each in scores if each in currencies] or [MARKET]:
        yield Draft(
            fact=Headline(
                scope=scope,
                text=text,
                source=clean_text(reading.source, SOURCE_LENGTH_MAX),
                medium=reading.medium,
                score=scores.get(scope, 0.0) if is_scored else 0.0,
                scorer=scorer,
            ),
            ts_event_ns=reading.received_ns,
            ordinal=digest(text),
        )


def _is_sound(reading: HeadlineReading) -> bool:
    return all(math.isfinite(score) and abs(score) <= 1.0 for _, score in reading.scores)


def _account(
    at_ns: int, news: News, fresh: list[HeadlineReading], dropped: dict[str, int], note: str
) -> list[Draft]:
    """Return the account of a reading, if there is anything to tell that was not told last."""
    known = news.texts_read
    if news.texts_read_ns == at_ns:
        return []
    note = clean_text(note, TEXT_LENGTH_MAX)
    scorer = _scorer_of(fresh[-1]) if fresh else ""
    is_same = known is not None and (known.note, known.scorer) == (note, scorer or known.scorer)
    is_quiet = known is None and not note and scorer in ("", SCORER)
    if not dropped and (is_same or is_quiet):
        return []
    fact = TextsRead(
        scope=MARKET,
        taken=len(fresh),
        scorer=scorer or (known.scorer if known else ""),
        note=note,
        dropped=tuple(
            DroppedTexts(scope=clean_text(reason, SOURCE_LENGTH_MAX) or OTHER, count=count)
            for reason, count in _bounded(dropped)
        ),
    )
    return [Draft(fact=fact, ts_event_ns=at_ns)]


def _scorer_of(reading: HeadlineReading) -> str:
    is_scored = bool(reading.scorer) and _is_sound(reading)
    return clean_text(reading.scorer, SOURCE_LENGTH_MAX) if is_scored else SCORER


def _bounded(dropped: dict[str, int]) -> list[tuple[str, int]]:
    counted = sorted((reason, count) for reason, count in dropped.items() if count > 0)
    rest = sum(count for _, count in counted[REASONS_MAX:])
    return [*counted[:REASONS_MAX], *([(OTHER, rest)] if rest else [])]
