"""The world with the folder of models beside it: whatever an agent asks of models is answered here.

Everything else goes on to the world behind it, which also gives the bars that a training learns
from: what the terminal shows now, and nothing later.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agents.requests import BarsRead, ModelRead, ReadBars, ReadModel, Reply, Request, Unanswered
from agents.training.requests import (
    Champion,
    ChampionsRead,
    ModelServed,
    NoteShadow,
    ReadChampions,
    ServeModel,
    ShadowNoted,
    Train,
    Trained,
    TriedConfiguration,
)
from blackboard.errors import ArtefactRefused, ConfigError, TerminalUnavailable
from config.settings import Settings
from models.market.bars import BarArray
from models.market.sessions import SECOND_NS, weeks_before_ns
from models.opinion.forecaster import FAMILY as FORECASTER
from runtime.artefacts.registry import ShadowRow
from runtime.artefacts.version import ModelRefused
from runtime.forecaster_folder import read_forecaster
from runtime.model_store import ModelStore
from runtime.source_hash import code_hash
from runtime.training.places import Place
from runtime.world import Due, World

if TYPE_CHECKING:
    from runtime.training.job import Job
    from runtime.training.session import Graduation


class LearningWorld:
    """Implements `runtime.world.World`; several requests may be on their way at once.

    Parameters
    ----------
    world : World
        What is behind.
    models : Path
        Folder of the models.
    settings : Settings
        Of the run.
    place : Place
        Where trainings run.
    is_virtual : bool
        Whether time stands still between requests. A training is then due after the market time
        that the settings give it, whatever it took.
    """

    def __init__(
        self, world: World, models: Path, settings: Settings, place: Place, *, is_virtual: bool
    ) -> None:
        self._world = world
        self._folder = models
        self._settings = settings
        self._place = place
        self._is_virtual = is_virtual
        self._store: ModelStore | None = None

    def perform(self, request: Request, *, now_ns: int, epoch: int) -> Due:
        """Answer one request."""
        match request:
            case ReadModel(family=family) if family == FORECASTER:
                folder = self._settings.agents.technical.forecaster_folder
                return Due(now_ns, read_forecaster(request, folder))
            case ReadModel():
                return Due(now_ns, self._guarded(request, lambda: self._read(request, now_ns)))
            case ReadChampions():
                return Due(now_ns, self._guarded(request, lambda: self._champions(request)))
            case ServeModel():
                return Due(now_ns, self._guarded(request, lambda: self._serve(request)))
            case NoteShadow():
                return Due(now_ns, self._guarded(request, lambda: self._note(request)))
            case Train():
                return self._train(request, now_ns, epoch)
            case _:
                return self._world.perform(request, now_ns=now_ns, epoch=epoch)

    def broker_mark(self) -> tuple[object, ...]:
        """Return what the world behind says of the broker's book."""
        return self._world.broker_mark()

    def close(self) -> None:
        """End trainings on their way, and release the world behind."""
        self._place.close()
        self._world.close()

    def _models(self) -> ModelStore:
        # Opened when it is first asked: a run that serves no model makes no folder.
        if self._store is None:
            self._store = ModelStore(self._folder)
        return self._store

    def _guarded(self, request: Request, answer: Callable[[], Reply]) -> Reply:
        try:
            return answer()
        except (ArtefactRefused, OSError) as error:
            return Unanswered(request=request, reason=str(error))

    def _read(self, request: ReadModel, now_ns: int) -> ModelRead:
        stored = self._models().read(
            request.family,
            request.version,
            now_ns=now_ns,
            feature_schema=request.feature_schema,
        )
        return ModelRead(request=request, files=tuple(stored.files.items()))

    def _champions(self, request: ReadChampions) -> ChampionsRead:
        store = self._models()
        registry = store.registry()
        champions = []
        for family in registry.families():
            served = registry.served(family)
            if served:
                champions.append(_champion(store, family, served[-1].version, served[-1].reason))
        return ChampionsRead(request=request, champions=tuple(champions))

    def _serve(self, request: ServeModel) -> ModelServed:
        self._models().serve(request.family, request.version, request.reason, request.at_ns)
        return ModelServed(request=request)

    def _note(self, request: NoteShadow) -> ShadowNoted:
        row = ShadowRow(
            family=request.family,
            at_ns=request.at_ns,
            version=request.version,
            until_ns=request.until_ns,
            failed_gate=request.failed_gate,
            detail=request.detail,
        )
        self._models().note_shadow(row)
        return ShadowNoted(request=request)

    def _train(self, request: Train, now_ns: int, epoch: int) -> Due:
        from runtime.training.job import JobFolder  # trainings bring libraries that others spare

        folder = JobFolder(self._folder, request.family, request.attempt_ns)
        at_ns = now_ns
        if self._is_virtual:
            seconds = self._settings.agents.learner.training.duration_s
            at_ns = max(now_ns, request.attempt_ns + seconds * SECOND_NS)
        if folder.result() is None:
            bars = self._bars(now_ns, epoch)
            if isinstance(bars, Unanswered):
                return Due(at_ns, Unanswered(request=request, reason=bars.reason))
            folder.write(self._job(request), bars)
            folder.forget_others()
            wait = self._place.start(folder.path, self._settings.agents.learner.training.time_s)
        else:
            wait = _nothing_to_wait_for

        def collect() -> Reply:
            failure = wait()
            graduation = folder.result()
            if graduation is None:
                reason = folder.why_ended() or failure or "the training left no result"
                return Unanswered(request=request, reason=reason)
            return _trained(request, graduation)

        if self._is_virtual:
            return Due(at_ns, Unanswered(request=request, reason="not collected"), collect)
        return Due(at_ns, collect())

    def _job(self, request: Train) -> "Job":
        from runtime.training.job import Job

        return Job(
            family=request.family,
            attempt_ns=request.attempt_ns,
            is_refresh=request.is_refresh,
            seed=request.seed,
            settings=self._settings.model_dump_json(),
            models=str(self._folder),
            is_timed=not self._is_virtual,
            code_hash=code_hash(),
        )

    def _bars(self, now_ns: int, epoch: int) -> dict[str, BarArray] | Unanswered:
        weeks = self._settings.agents.learner.training.weeks
        bars = {}
        for symbol in self._settings.symbols:
            reading = ReadBars(
                symbol=symbol,
                timeframe=self._settings.timeframe,
                from_ns=weeks_before_ns(now_ns, weeks),
                until_ns=now_ns,
            )
            reply = self._world.perform(reading, now_ns=now_ns, epoch=epoch).reply
            if not isinstance(reply, BarsRead):
                reason = reply.reason if isinstance(reply, Unanswered) else "no bars"
                return Unanswered(request=reading, reason=f"{symbol}: {reason}")
            _, first = np.unique(reply.bars["close_ns"], return_index=True)
            bars[symbol] = reply.bars[first]
        return self._backfilled(bars, now_ns, epoch)

    def _backfilled(
        self, bars: dict[str, BarArray], now_ns: int, epoch: int
    ) -> dict[str, BarArray]:
        """Return the bars with more history where there is too little; the trading waits for none.

        A simulated market has answered all that there is of it.
        """
        training = self._settings.agents.learner.training
        is_simulated = self._settings.terminal.kind == "simulated"
        short = [symbol for symbol, rows in bars.items() if len(rows) < training.bars_min]
        if is_simulated or not training.backfill_parts_max or not short:
            return bars
        from runtime.bar_store.download import Span
        from runtime.bar_store.store import DATA_FOLDER, BarStore
        from runtime.training.backfill import backfilled

        def read(request: ReadBars) -> BarsRead:
            reply = self._world.perform(request, now_ns=now_ns, epoch=epoch).reply
            if isinstance(reply, BarsRead):
                return reply
            raise TerminalUnavailable(getattr(reply, "reason", "no bars"))

        store = BarStore(self._settings.home / DATA_FOLDER)
        wanted = Span(weeks_before_ns(now_ns, training.weeks), now_ns)
        timeframe = self._settings.timeframe
        more = dict(bars)
        for symbol in short:
            try:
                more[symbol] = backfilled(
                    store,
                    read,
                    symbol,
                    timeframe,
                    bars[symbol],
                    wanted,
                    training.backfill_parts_max,
                )
            except (TerminalUnavailable, ConfigError, OSError):
                continue  # what there is says itself how much is missing
        return more


def _nothing_to_wait_for() -> str:
    return ""


def _champion(store: ModelStore, family: str, version: str, reason: str) -> Champion:
    content_hash = ""
    if version:
        try:
            content_hash = store.manifest(family, version).content_hash
        except ModelRefused:
            content_hash = ""  # who loads it will say what is wrong
    return Champion(family=family, version=version, content_hash=content_hash, reason=reason)


def _trained(request: Train, graduation: "Graduation") -> Trained:
    manifest = graduation.manifest
    if manifest is None:
        return Trained(
            request=request,
            reason=graduation.reason,
            have=graduation.have,
            need=graduation.need,
        )
    return Trained(
        request=request,
        version=manifest.version,
        content_hash=manifest.content_hash,
        rows=manifest.rows,
        trained_until_ns=manifest.trained_until_ns,
        data_hash=manifest.data_hash,
        validation_loss=graduation.validation_loss,
        trials=tuple(
            TriedConfiguration(trial_id=row.trial_id, parameters=row.parameters, score=row.score)
            for row in graduation.trials
        ),
        has_passed=graduation.has_passed,
        is_baseline_due=graduation.is_baseline_due,
        failed_gate=graduation.failed_gate,
        detail=graduation.detail,
    )
