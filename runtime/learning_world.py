"""The world with the folder of models beside it: whatever an agent asks of models is answered here.

Everything else goes on to the world behind it.
"""

from pathlib import Path

from agents.requests import ModelRead, ReadModel, Request, Unanswered
from runtime.model_store import ModelRefused, ModelStore
from runtime.world import Due, World


class LearningWorld:
    """Implements `runtime.world.World`; several requests may be on their way at once."""

    def __init__(self, world: World, models: Path) -> None:
        self._world = world
        self._folder = models
        self._store: ModelStore | None = None

    def perform(self, request: Request, *, now_ns: int, epoch: int) -> Due:
        """Answer one request."""
        match request:
            case ReadModel():
                return Due(now_ns, self._read(request, now_ns))
            case _:
                return self._world.perform(request, now_ns=now_ns, epoch=epoch)

    def broker_mark(self) -> tuple[object, ...]:
        """Return what the world behind says of the broker's book."""
        return self._world.broker_mark()

    def close(self) -> None:
        """Release the world behind."""
        self._world.close()

    def _models(self) -> ModelStore:
        # Opened when it is first asked: a run that serves no model makes no folder.
        if self._store is None:
            self._store = ModelStore(self._folder)
        return self._store

    def _read(self, request: ReadModel, now_ns: int) -> ModelRead | Unanswered:
        try:
            stored = self._models().read(
                request.family,
                request.version,
                now_ns=now_ns,
                feature_schema=request.feature_schema,
            )
        except (ModelRefused, OSError) as error:
            return Unanswered(request=request, reason=str(error))
        return ModelRead(request=request, files=tuple(stored.files.items()))
