"""A real cluster, an agent killed, the messenger out of reach: no secret in any output."""

import json
import os
import signal
import tempfile
from pathlib import Path

import pytest

from tests.canaries import CANARIES, leaking, leaks
from tests.cluster.test_cluster import driver, pid_of, until
from tests.cluster.test_cluster import pytestmark as of_a_cluster

pytestmark = [*of_a_cluster, pytest.mark.slow]
ROTATED_BYTES_MAX = 100_000
NOBODY = "http://127.0.0.1:9"


def test_p10_no_secret_reaches_any_output_of_a_cluster(tmp_path: Path) -> None:
    """Output, files, and Ray's own folder, which is private, its logs rotated as ours are."""
    home = tmp_path / "var"
    home.mkdir()
    terms = (f"log.file_bytes_max={ROTATED_BYTES_MAX}", f"telegram.base_url={NOBODY}")
    options = (each for term in terms for each in ("--set", term))
    arguments = ("up", "--symbols", "EURUSD", "--speed", "600", *options)
    access = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(tmp_path / "auth_token")}
    with driver(home, *arguments, **CANARIES, **access) as process:
        told = until(home, lambda told: told["head"] > 20)
        (plan,) = home.glob("books/*/plan.json")
        of_ray = Path(tempfile.gettempdir()) / f"quorum-{json.loads(plan.read_bytes())['run_id']}"
        before = pid_of(told, "risk")
        os.kill(before, signal.SIGKILL)
        until(home, lambda told: pid_of(told, "risk") not in {0, before})

        assert of_ray.stat().st_mode & 0o777 == 0o700
        logs = [path for path in of_ray.rglob("*") if path.is_file()]
        assert leaking(logs) == {}
        sizes = [path.stat().st_size for path in logs if "logs" in path.parts]
        assert 0 < max(sizes) < 2 * ROTATED_BYTES_MAX
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output[-2000:]
    assert leaks(output) == []
    assert not of_ray.exists()
    assert leaking(home.rglob("*")) == {}
    told_by = list(home.rglob("*.jsonl"))
    assert len(told_by) > 9  # every process has its own
    assert "notifications_" in "".join(path.read_text() for path in told_by)
