"""What one start of the system will do, decided before anything runs, as plain data.

The driver writes the plan beside the journal; the terminal process and every actor read their part
of it, so that all processes of a run have the same clock, market and settings.
"""

from pathlib import Path

import msgspec

from blackboard.errors import ConfigError
from blackboard.facts import FOREVER_NS
from config.settings import Settings
from runtime.book import Book, write_atomically
from runtime.clock import ScaledClock

PLAN_FILE = "plan.json"
MODELS = "models"


class RunPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One start."""

    run_id: str
    folder: str
    settings_json: str
    """The settings without secrets."""
    clock: ScaledClock
    """Market time of a live run, and the pace of virtual time where there is one."""
    is_virtual: bool
    """Supersteps in virtual time instead of following the clock."""
    is_paced: bool
    """Whether virtual time keeps to the clock instead of running as fast as it can."""
    start_ns: int
    end_ns: int = FOREVER_NS
    first_seq: int = 1
    """Seq of the first entry that this start can make; what lies before was told in its time."""
    real_account: int = 0
    """Account number that a person typed for this start, because it holds real money."""
    warnings: tuple[str, ...] = ()
    """What the operator must know of the market that was found."""

    @property
    def book(self) -> Book:
        """Folder of the run."""
        return Book(Path(self.folder))

    @property
    def settings(self) -> Settings:
        """The settings."""
        return Settings.model_validate_json(self.settings_json)

    @property
    def models(self) -> Path:
        """Folder of the trained models: shared by the books of a market, a run has its own."""
        return models_of(self.book, self.settings)

    def write(self) -> Path:
        """Write the plan beside the journal and return its path."""
        path = self.book.folder / PLAN_FILE
        write_atomically(path, msgspec.json.encode(self))
        return path


def models_of(book: Book, settings: Settings) -> Path:
    """Return the folder of the models of a book: shared by the books of a market, or a run's."""
    return book.folder / MODELS if book.is_run else models_folder(settings)


def models_folder(settings: Settings, *, is_real: bool = False) -> Path:
    """Return the folder of the models that books of a market share.

    What was learned from an invented market never serves where prices are real.
    """
    is_real = is_real or settings.terminal.kind != "simulated" or bool(settings.market.history.path)
    return settings.home.absolute() / MODELS / ("real" if is_real else "synthetic")


def read_plan(path: Path) -> RunPlan:
    """Read a plan that `RunPlan.write` wrote; ConfigError if it is none, or another version's."""
    try:
        plan = msgspec.json.decode(path.read_bytes(), type=RunPlan)
        plan.settings  # noqa: B018 - read once: a setting that is gone since is told here
    except (msgspec.DecodeError, ValueError) as error:
        raise ConfigError(f"{path} is no plan of this version: {error}") from error
    return plan
