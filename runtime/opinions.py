"""The opinions of six agents over a market, as columns that are kept and used again.

The agents who look, vote, advise and learn run without supervisor, risk and execution; nothing is
traded. Their journal becomes columns, kept under a hash of all that shapes them: settings, data,
code. Another backtest that only trades differently finds them there.
"""

import hashlib
import shutil
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from config.loading import LoadedSettings
from config.settings import Settings
from runtime.columns import Columns, export_columns, load_columns
from runtime.council_run import Advance, run_council
from runtime.preparation import StartOptions, prepare
from runtime.proof.lineage import entries_of
from runtime.readings import Readings, load_readings, readings_of
from runtime.source_hash import code_hash

LEFT_OUT: Final = ("risk", "execution", "supervisor")
"""Agents who decide and act."""
OF_THE_ACCOUNT: Final = ("commission_per_lot", "deposit", "leverage", "stop_out_percent")
"""Settings of the terminal that no opinion can see."""
KEPT_MAX: Final = 16
"""Sets of columns that are kept; the oldest go."""
READINGS: Final = ".readings"
"""How the file beside the columns is named."""


class Opinions(NamedTuple):
    """What six agents thought of a market."""

    columns: Columns
    readings: Readings


def opinion_settings(settings: Settings) -> Settings:
    """Return settings under which nobody decides or acts; what opinions depend on stays."""
    values = settings.model_dump(mode="json")
    usual = Settings().model_dump(mode="json")
    for name in LEFT_OUT:
        values["agents"][name] = {**usual["agents"][name], "enabled": "false"}
    values["trading"] = usual["trading"]
    for name in OF_THE_ACCOUNT:
        values["terminal"][name] = usual["terminal"][name]
    return Settings.model_validate(values)


def opinions_key(settings: Settings, data: dict[str, str], span_ns: tuple[int, int]) -> str:
    """Return the hash under which the columns of some opinions are kept."""
    values = opinion_settings(settings).model_dump(mode="json", exclude={"home", "log", "book"})
    content = (values, data, span_ns, code_hash())
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def opinions_of(
    settings: Settings,
    data: dict[str, str],
    span_ns: tuple[int, int],
    duration_s: float,
    advance: Advance,
) -> Opinions:
    """Return the opinions over a market: kept ones, or those of a run made now.

    Parameters
    ----------
    settings : Settings
        Of the backtest.
    data : dict of str to str
        Provenance of the market.
    span_ns : tuple of int
        Start and end of the run.
    duration_s : float
        As asked for; 0 runs to the end of recorded bars.
    advance : callable
        Takes the days that are done, and a word.
    """
    folder = settings.home.absolute() / "opinions"
    path = folder / f"{opinions_key(settings, data, span_ns)}.npz"
    beside = path.with_suffix(READINGS)
    if path.is_file() and beside.is_file():
        return Opinions(load_columns(path), load_readings(beside))
    loaded = LoadedSettings(settings=opinion_settings(settings), origins={})
    options = StartOptions(speed="max", duration_s=duration_s, in_process=True, is_fresh=True)
    start = prepare(loaded, options)
    run_council(start, options, advance)
    columns = export_columns(start.plan.book.folder)
    readings = readings_of(entries_of(start.plan.book.journal), columns)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    columns.save(path)
    readings.save(beside)
    shutil.rmtree(start.plan.book.folder)  # its journal says nothing that the columns do not
    _forget_oldest(folder)
    return Opinions(columns, readings)


def _forget_oldest(folder: Path) -> None:
    kept = sorted(folder.glob("*.npz"), key=lambda path: path.stat().st_mtime_ns)
    for path in kept[:-KEPT_MAX]:
        path.with_suffix(READINGS).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
