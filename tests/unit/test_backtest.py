"""The verb ``backtest``: a run, its tear sheet, and what a program reads of both."""

import json
from pathlib import Path

import pytest

from runtime.commands.options import seconds_of
from runtime.reports.wording import GATES
from tests.command_line import CommandLine, bars_folder

SHORT = ("--symbols", "EURUSD,USDJPY", "--duration", "8h")


@pytest.fixture
def quorum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """Give the command line with an empty state folder."""
    return CommandLine(tmp_path / "home", monkeypatch, capsys)


def test_a_backtest_ends_with_a_table_and_two_files(quorum: CommandLine, tmp_path: Path) -> None:
    """A person sees the mark, the figures, the baselines and where the files lie."""
    out = tmp_path / "report"

    said = quorum("backtest", *SHORT, "--out", out)

    assert said.code == 0, said.error
    for text in ("SIMULATED", "Result", "no trade", "buy and hold", "tear_sheet.html"):
        assert text in said.out
    assert {path.name for path in out.iterdir()} == {"tear_sheet.html", "tear_sheet.json"}


def test_a_backtest_tells_a_program_the_same(quorum: CommandLine) -> None:
    """With --json the whole answer is one object, equal to the file in the run's folder."""
    said = quorum("backtest", *SHORT, "--json", "--commission", "0", "--spread-factor", "2")
    data = json.loads(said.out)
    folder = quorum.home / json.loads((quorum.home / "latest").read_bytes())

    assert data == json.loads((folder / "report/tear_sheet.json").read_bytes())
    assert data["identity"]["marker"] == "SIMULATED"
    assert data["identity"]["commission_per_lot"] == 0.0
    assert data["identity"]["spread_factor"] == 2.0
    names = {one["name"] for one in data["changed"]}
    assert names == {"terminal.commission_per_lot", "terminal.spread_factor"}


def test_a_backtest_never_continues_a_book(quorum: CommandLine) -> None:
    """Each one begins with the deposit in a folder of its own, and the books stay as they are."""
    first = json.loads(quorum("backtest", *SHORT, "--json").out)
    second = json.loads(quorum("backtest", *SHORT, "--json").out)

    assert first["identity"]["run"] != second["identity"]["run"]
    assert first["figures"] == second["figures"]
    assert first["identity"]["decisions_hash"] == second["identity"]["decisions_hash"]
    assert not (quorum.home / "books").exists()


def test_a_backtest_over_recorded_bars(quorum: CommandLine, tmp_path: Path) -> None:
    """Recorded prices are named, with their hash and without a seed."""
    folder = tmp_path / "bars"
    folder.mkdir()
    bars_folder(folder, "EURUSD")
    span = ("--from", "2018-01-16", "--to", "2018-01-16")

    said = quorum("backtest", "--history", folder, "--symbols", "EURUSD", *span, "--json")
    identity = json.loads(said.out)["identity"]

    assert identity["seed"] == ""
    assert len(identity["data_sha256"]) == 64
    assert any("no M1" in note for note in identity["notes"])


def test_a_run_without_a_trade_says_why(quorum: CommandLine) -> None:
    """Nothing traded is no empty page: the verdict tells the gate that stopped most decisions."""
    said = quorum("backtest", *SHORT, "--json", "--set", "trading.min_confidence=0.65")
    data = json.loads(said.out)

    assert data["figures"]["trades"] == 0
    assert data["verdict"].startswith("No trade was made in ")
    most = max(data["blocked_by"], key=lambda name: data["blocked_by"][name])
    assert GATES[most] in data["verdict"]


def test_stress_reports_what_held(quorum: CommandLine) -> None:
    """Every worse market stands in the table beside the market as it was, and the limits held."""
    symbol = ("--symbols", "EURUSD", "--duration", "3h")
    said = quorum("backtest", *symbol, "--stress", "--json")
    cases = json.loads(said.out)["stress"]["cases"]

    assert said.code == 0, said.error
    assert [case["name"] for case in cases] == [
        "base", "volatility_1.5", "volatility_2", "volatility_3", "spread_2", "spread_5", "gaps",
        "crashes",
    ]  # fmt: skip
    for case in cases:
        assert all(check["largest"] <= check["allowed"] for check in case["checks"])


def test_a_wrong_duration_is_refused(quorum: CommandLine) -> None:
    """A duration is a number with its unit."""
    said = quorum("backtest", "--duration", "soon")

    assert said.code == 3
    assert "--duration" in said.error
    assert seconds_of("28d") == 28 * 86_400.0
