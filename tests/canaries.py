"""Known fake secrets, one for every secret setting, and the search for them."""

from collections.abc import Iterable
from pathlib import Path

from config.secrets import SECRET_SOURCES

CANARIES = {name: f"canary{place:02d}-{'x' * 24}" for place, name in enumerate(SECRET_SOURCES)} | {
    "TELEGRAM_BOT_TOKEN": "7700112233:AAcanaryTOKENcanaryTOKENcanaryTOKENcan",
    "TELEGRAM_CHAT_ID": "7700998877",
    "MT5_LOGIN": "7700554433",
}
"""Every one is long enough to be found, and none is anything else."""


def leaks(told: str | bytes) -> list[str]:
    """Return the names of the secrets that stand in what was told."""
    text = told if isinstance(told, str) else told.decode("latin-1")
    return [name for name, value in CANARIES.items() if value in text]


def leaking(paths: Iterable[Path]) -> dict[str, list[str]]:
    """Return the files in which a secret stands, each with their names."""
    found = {str(path): leaks(path.read_bytes()) for path in paths if path.is_file()}
    return {path: names for path, names in found.items() if names}
