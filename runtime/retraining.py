"""A person's request for a new candidate: by command line, console or Telegram, one way.

It is only asked for: the supervisor makes a `RetrainRequested` of it, the learner trains when no
other family is being trained, and the gates judge. A refused candidate changes nothing.
"""

from typing import Final

from agents.scores.calibrator import FAMILY as CALIBRATION
from agents.training.curriculum import ALL
from blackboard.errors import ConfigError
from blackboard.facts.control import Command
from config.agent import Mode
from config.settings import Settings
from runtime.book import Book
from runtime.mailbox import Letter, leave
from runtime.run_plan import PLAN_FILE, read_plan
from runtime.training.trainers import TRAINERS

FAMILIES: Final = (ALL, CALIBRATION, *TRAINERS)
"""What may be asked for."""


def ask_for_training(book: Book, family: str, origin: str) -> str:
    """Hand the request to the driver; return what will come of it. ConfigError says why not."""
    asked = require_family(family)
    leave(book.mailbox, Letter(command=Command.RETRAIN.value, origin=origin, argument=asked))
    return f"retrain {asked}: asked for; {prospect(book)}"


def require_family(family: str) -> str:
    """Return the family that a person means, all where none is named; ConfigError if unknown."""
    asked = family or ALL
    if asked not in FAMILIES:
        raise ConfigError(f"the family must be one of {', '.join(FAMILIES)}, was {asked!r}")
    return asked


def prospect(book: Book) -> str:
    """Return what a request comes to on the run that is going on."""
    settings: Settings = read_plan(book.folder / PLAN_FILE).settings
    if settings.mode("learner") is Mode.DISABLED:
        return "nobody trains, because the learner is off"
    if settings.agents.learner.training.when != "always":
        return "only the calibration is judged, because this run trains no models (up --learn)"
    if settings.mode("learner") is Mode.SHADOW:
        return "the learner judges and promotes nothing, because it is in shadow"
    return "python launch.py learn status tells what came of it"
