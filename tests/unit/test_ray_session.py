"""What Ray is told before it is imported."""

import os

import pytest

from config.system import LogSection
from runtime.ray_session import set_ray_environment

NAMES = ("RAY_ROTATION_MAX_BYTES", "RAY_ROTATION_BACKUP_COUNT", "RAY_AUTH_MODE")


def test_logs_of_ray_are_rotated_as_ours_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Size and number are those of the settings."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(name, "")  # so that what is set goes again with the test
        monkeypatch.delenv(name)

    set_ray_environment(LogSection(file_bytes_max=300_000, files_max=2))

    told = {name: os.environ.get(name) for name in NAMES}
    assert told == dict(zip(NAMES, ("300000", "2", "token"), strict=True))


def test_values_of_an_operator_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sets one of Ray's own variables means it."""
    monkeypatch.setenv("RAY_ROTATION_MAX_BYTES", "1000000")

    set_ray_environment(LogSection(file_bytes_max=300_000))

    assert os.environ["RAY_ROTATION_MAX_BYTES"] == "1000000"
