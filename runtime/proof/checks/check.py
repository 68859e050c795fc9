"""What a check of the audit is: it looks at every entry once, in order, and tells what is wrong."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from blackboard.entry import Entry


class Check(ABC):
    """One promise that every entry is held against."""

    name: ClassVar[str]
    """One word for the promise."""

    def __init__(self) -> None:
        self.checked = 0
        """How often there was something to look at."""

    @abstractmethod
    def look(self, entry: Entry) -> Iterator[str]:
        """Yield what is wrong with an entry, in words, and remember it."""
