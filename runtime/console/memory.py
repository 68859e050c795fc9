"""What feeds the console's memory: the entries that the driver follows, and its own account."""

from blackboard.entry import Entry
from runtime.console.present import Present
from runtime.driver import Display
from runtime.picture import Picture
from runtime.status import Status


class Memory(Display):
    """Folds facts into the one memory from which pages and chats are answered."""

    kinds = None

    def __init__(self, present: Present) -> None:
        self._present = present

    def see(self, entry: Entry) -> None:
        """Take an entry."""
        self._present.add(entry)

    def update(self, picture: Picture, status: Status) -> None:
        """Take what the driver says of the processes."""
        del picture  # its own is folded from every kind
        self._present.tell(status)
