"""A folder of checkpoints as a mapping of name to content, so that trainers know no disk."""

from collections.abc import Iterator, MutableMapping
from pathlib import Path

from runtime.book import write_atomically


class CheckpointFolder(MutableMapping[str, bytes]):
    """What an interrupted training left; a file is replaced whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __getitem__(self, name: str) -> bytes:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            raise KeyError(name) from None

    def __setitem__(self, name: str, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._folder / name, content)

    def __delitem__(self, name: str) -> None:
        try:
            (self._folder / name).unlink()
        except FileNotFoundError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        if self._folder.is_dir():
            yield from sorted(path.name for path in self._folder.iterdir())

    def __len__(self) -> int:
        return sum(1 for _ in self)
