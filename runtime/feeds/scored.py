"""Texts with their scores: a source of texts, and scorers beside it."""

from typing import TYPE_CHECKING

import msgspec

from agents.requests import HeadlinesRead, ReadHeadlines, Unanswered
from runtime.texts.scoring import TextScorers

if TYPE_CHECKING:
    from runtime.feeds.sources import HeadlineSource


class ScoredHeadlines:
    """A `HeadlineSource` whose texts come with what they say of each currency they name."""

    def __init__(self, source: "HeadlineSource", scorers: TextScorers) -> None:
        self._source = source
        self._scorers = scorers

    def read(self, request: ReadHeadlines, now_ns: int) -> HeadlinesRead | Unanswered:
        """Answer a request as of now; no more texts are scored than were asked for."""
        answer = self._source.read(request, now_ns)
        if isinstance(answer, Unanswered) or not answer.headlines:
            return answer
        asked = answer.headlines[: request.limit]
        scoring = self._scorers.score([each.text for each in asked])
        scored = tuple(
            msgspec.structs.replace(each, scores=said.scores, scorer=said.scorer)
            for each, said in zip(asked, scoring.texts, strict=True)
        )
        notes = "; ".join(note for note in (answer.note, scoring.note) if note)
        return msgspec.structs.replace(
            answer, headlines=(*scored, *answer.headlines[request.limit :]), note=notes
        )
