"""Who scores texts: the best that is there, the next where it fails or takes too long.

It is called off every agent's loop. A transformer is opened beside the first readings, which do not
wait for it; over history they do, so that the same run has the same scores.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from blackboard.errors import ArtefactRefused, ConfigError
from config.settings import Settings
from models.opinion.sentiment import SCORER, score_text, score_with_tone
from models.opinion.tone import ToneScorer, tones_of
from runtime.artefacts.registry import REGISTRY_FILE
from runtime.clock import process_s
from runtime.model_store import ModelStore
from runtime.texts.hub_folder import hub_folder
from runtime.texts.known_models import wanted_model

FAMILY: Final = "sentiment"
TRANSFORMER, TFIDF, LEXICON = "transformer", "tfidf", "lexicon"
LADDER: Final = (TRANSFORMER, TFIDF, LEXICON)
"""Best first."""
NOTE_LENGTH_MAX: Final = 400
CannotScore: Final = (ArtefactRefused, ConfigError, ImportError, OSError, RuntimeError, ValueError)
"""What libraries and files raise where a scorer cannot be opened or says nonsense."""


class ScoredText(NamedTuple):
    """What one text says of the currencies it names."""

    scores: tuple[tuple[str, float], ...]
    scorer: str


class Scoring(NamedTuple):
    """What several texts say, in their order, and what kept a better scorer from its work."""

    texts: tuple[ScoredText, ...]
    note: str


class Rung(NamedTuple):
    """One scorer, or why it is not there."""

    scorer: ToneScorer | None
    reason: str
    is_failure: bool = False
    """Whether the reason is told also where nobody has asked for this scorer by name."""


class TextScorers:
    """The scorers of one process.

    Parameters
    ----------
    settings : Settings
        Of the run.
    models : Path, optional
        Folder of the trained models that this run serves; without it none is.
    is_virtual : bool
        Whether time stands still between requests.
    """

    def __init__(self, settings: Settings, models: Path | None, *, is_virtual: bool) -> None:
        self._settings = settings
        self._section = settings.agents.sentiment.texts
        self._models = models
        self._is_virtual = is_virtual
        self._lock = threading.Lock()
        self._lexicon: Rung | None = None
        self._network: Rung | None = None
        self._loading: threading.Thread | None = None
        self._tfidf = Rung(None, "no model is promoted")
        self._tfidf_stamp: tuple[int, int] | None = None

    @property
    def ladder(self) -> tuple[str, ...]:
        """Kinds of scorers that are asked, best first."""
        if self._section.scorer != "auto":
            return LADDER[LADDER.index(self._section.scorer) :]
        return LADDER[-1:] if self._is_virtual else LADDER

    def score(self, texts: Sequence[str]) -> Scoring:
        """Return what texts say; every text is scored by somebody."""
        end_s = process_s() + self._section.score_time_s
        scored: dict[int, ScoredText] = {}
        notes: list[str] = []
        for kind in self.ladder:
            if len(scored) == len(texts):
                break
            rung = self._rung(kind)
            if rung.scorer is None:
                if rung.reason and (rung.is_failure or kind == self._section.scorer):
                    notes.append(f"{kind}: {rung.reason}")
                continue
            is_limited = kind != LEXICON and not self._is_virtual
            note = self._ask(rung.scorer, texts, scored, end_s if is_limited else None)
            notes += [f"{rung.scorer.name}: {note}"] if note else []
        for place, text in enumerate(texts):
            if place not in scored:  # without VADER, direction words alone
                scored[place] = ScoredText(tuple(score_text(text).items()), SCORER)
        return Scoring(
            tuple(scored[place] for place in range(len(texts))), "; ".join(notes)[:NOTE_LENGTH_MAX]
        )

    def active(self) -> Rung:
        """Return the best scorer that is there; it is waited for."""
        for kind in self.ladder:
            rung = self._rung(kind, waits=True)
            if rung.scorer is not None:
                return rung
        return Rung(None, "direction words alone: vaderSentiment is missing")

    def kind(self) -> str:
        """Return the kind of the best scorer that is there, empty for direction words alone."""
        absent = len(self.absent())
        return self.ladder[absent] if absent < len(self.ladder) else ""

    def absent(self) -> list[tuple[str, str]]:
        """Return the better kinds that are not there, and why."""
        found = []
        for kind in self.ladder:
            rung = self._rung(kind, waits=True)
            if rung.scorer is not None:
                break
            found.append((kind, rung.reason))
        return found

    def _ask(
        self,
        scorer: ToneScorer,
        texts: Sequence[str],
        scored: dict[int, ScoredText],
        end_s: float | None,
    ) -> str:
        """Let a scorer read what is not scored yet; return what kept it from all of it."""
        waiting = [place for place in range(len(texts)) if place not in scored]
        size = self._section.batch_texts
        for start in range(0, len(waiting), size):
            if end_s is not None and process_s() >= end_s:
                return f"{len(waiting) - start} texts left after {self._section.score_time_s:g} s"
            batch = waiting[start : start + size]
            try:
                tones = tones_of(scorer.probabilities([texts[place] for place in batch]))
            except CannotScore as error:
                return f"{type(error).__name__} {error}"
            for place, tone in zip(batch, tones.tolist(), strict=True):
                said = score_with_tone(texts[place], tone, scorer.tone_share)
                scored[place] = ScoredText(tuple(said.items()), scorer.name)
        return ""

    def _rung(self, kind: str, *, waits: bool = False) -> Rung:
        with self._lock:
            if kind == TRANSFORMER:
                return self._transformer_rung(waits=waits or self._is_virtual)
            if kind == TFIDF:
                return self._tfidf_rung()
            if self._lexicon is None:
                self._lexicon = _opened(_open_lexicon)
            return self._lexicon

    def _transformer_rung(self, *, waits: bool) -> Rung:
        if self._network is None and self._loading is None:
            try:
                model = wanted_model(self._section)
            except ConfigError as error:
                self._network = Rung(None, str(error), is_failure=True)
                return self._network
            folder = hub_folder(self._settings)
            if not folder.is_there(model):
                # Not kept: it may be fetched while we run.
                return Rung(None, f"{model.name} is not fetched")

            def load() -> None:
                from runtime.texts.transformer import open_transformer

                self._network = _opened(lambda: open_transformer(model, self._section, folder))

            self._loading = threading.Thread(target=load, name="transformer", daemon=True)
            self._loading.start()
        if waits and self._loading is not None:
            self._loading.join()
        return self._network or Rung(None, "is being opened", is_failure=True)

    def _tfidf_rung(self) -> Rung:
        if self._models is None:
            return Rung(None, "this run serves no trained models")
        try:
            status = (self._models / REGISTRY_FILE).stat()
        except OSError:
            return Rung(None, "no model is promoted")
        stamp = status.st_size, status.st_mtime_ns
        if stamp != self._tfidf_stamp:
            models = self._models
            self._tfidf = _opened(lambda: _open_tfidf(models))
            self._tfidf_stamp = stamp
        return self._tfidf


class _NotPromoted(ValueError):
    """No model of the family serves."""


def _opened(load: Callable[[], ToneScorer]) -> Rung:
    try:
        return Rung(load(), "")
    except _NotPromoted as error:
        return Rung(None, str(error))
    except CannotScore as error:
        return Rung(None, f"{type(error).__name__} {error}", is_failure=True)


def _open_lexicon() -> ToneScorer:
    from models.opinion.tone_lexicon import LexiconScorer

    return LexiconScorer()


def _open_tfidf(models: Path) -> ToneScorer:
    from models.opinion.tone_tfidf import FEATURES, load_tfidf

    store = ModelStore(models)
    version = store.registry().champion(FAMILY)
    if not version:
        raise _NotPromoted("no model is promoted")
    # Texts have no dates, so no market time outdates what was learned of them.
    return load_tfidf(store.read(FAMILY, version, feature_schema=FEATURES).files, version)
