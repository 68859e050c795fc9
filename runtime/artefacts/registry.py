"""The record of everything that was ever tried, judged, promoted and taken back; it only grows.

One line is one row: the seal of this row and all before it, then the row. A row that was changed,
left out or put in breaks the chain, so the number of trials that a candidate is judged by cannot be
made smaller by an editor. A last line that a power cut tore is no row yet and is cut off.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from blackboard.errors import ArtefactRefused
from models.learning.candidate import Candidate
from runtime.artefacts.seal import Seal
from runtime.machine.port import sync_file

REGISTRY_FILE: Final = "registry.jsonl"
BASELINE: Final = ""
"""Version of what serves where no model does."""


class Row(msgspec.Struct, frozen=True, kw_only=True, tag_field="what"):
    """Base of all rows."""

    family: str
    at_ns: int
    """Market time."""


class TrialRow(Row, frozen=True, kw_only=True, tag="trial"):
    """One configuration that was evaluated."""

    trial_id: str
    parameters: str
    score: float
    data_hash: str


class JudgedRow(Row, frozen=True, kw_only=True, tag="judged"):
    """The verdict on a candidate."""

    version: str
    is_promoted: bool
    failed_gate: str
    detail: str
    effective_trials: float
    """Independent trials that its search amounts to."""
    is_baseline_due: bool = False
    """Whether the baseline beat the model that served then."""


class ServingRow(Row, frozen=True, kw_only=True, tag="serving"):
    """What serves from now on; an empty version is the baseline."""

    version: str
    replaced_version: str
    reason: str
    """Why an earlier version, or the baseline, serves again; empty after a promotion."""


class ShadowRow(Row, frozen=True, kw_only=True, tag="shadow"):
    """A candidate that forecasts and does not count yet, or what came of that."""

    version: str
    until_ns: int
    """When it may begin to serve; 0 where its shadow is over."""
    failed_gate: str
    detail: str
    """What was found at the end of its shadow."""


AnyRow = TrialRow | JudgedRow | ServingRow | ShadowRow


class TrialRegistry:
    """The rows of a folder of models; the folder is locked while rows are added."""

    def __init__(self, folder: Path, seal: Seal) -> None:
        """Read all rows; raises ArtefactRefused if one is not what was written."""
        self._path = folder / REGISTRY_FILE
        self._seal = seal
        self._chain = ""
        self._length = 0
        self.rows: list[AnyRow] = []
        for line in self._whole_lines():
            self._take(line)

    def add(self, *rows: AnyRow) -> None:
        """Write rows durably; none of them is there before all are."""
        lines = []
        for row in rows:
            content = msgspec.json.encode(row)
            self._chain = self._seal.of(self._chain.encode() + content)
            lines.append(self._chain.encode() + b" " + content + b"\n")
            self.rows.append(row)
        with self._path.open("ab") as file:
            file.truncate(self._length)
            file.write(b"".join(lines))
            file.flush()
            sync_file(file.fileno())
        self._length += sum(map(len, lines))

    def trial_ids(self, family: str) -> set[str]:
        """Return the trials of a family, ever."""
        return {row.trial_id for row in self.of(family) if isinstance(row, TrialRow)}

    def of(self, family: str) -> Iterator[AnyRow]:
        """Yield a family's rows, oldest first."""
        return (row for row in self.rows if row.family == family)

    def families(self) -> tuple[str, ...]:
        """Return the families that have rows, in the order in which they came."""
        return tuple(dict.fromkeys(row.family for row in self.rows))

    def judged(self, family: str) -> tuple[JudgedRow, ...]:
        """Return the verdicts on a family, oldest first."""
        return tuple(row for row in self.of(family) if isinstance(row, JudgedRow))

    def served(self, family: str) -> tuple[ServingRow, ...]:
        """Return the changes of what serves, oldest first."""
        return tuple(row for row in self.of(family) if isinstance(row, ServingRow))

    def shadow(self, family: str) -> ShadowRow | None:
        """Return what was noted last of a family's shadows, None where it had none."""
        rows = [row for row in self.of(family) if isinstance(row, ShadowRow)]
        return rows[-1] if rows else None

    def champion(self, family: str) -> str:
        """Return the version that serves, empty where none does."""
        served = self.served(family)
        return served[-1].version if served else BASELINE

    def _whole_lines(self) -> list[bytes]:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return []
        self._length = content.rfind(b"\n") + 1
        return content[: self._length].splitlines()

    def _take(self, line: bytes) -> None:
        seal, _, content = line.partition(b" ")
        if not self._seal.fits(self._chain.encode() + content, seal.decode("ascii", "replace")):
            number = len(self.rows) + 1
            raise ArtefactRefused(f"row {number} of {self._path} is not what was written")
        self._chain = seal.decode("ascii")
        self.rows.append(msgspec.json.decode(content, type=AnyRow))


def trial_rows(candidate: Candidate, now_ns: int) -> list[TrialRow]:
    """Return a candidate's trials as rows, each configuration once."""
    rows: dict[str, TrialRow] = {}
    for trial in candidate.trials:
        text = f"{candidate.family} {trial.parameters} {candidate.data_hash}"
        trial_id = hashlib.sha256(text.encode()).hexdigest()[:16]
        rows[trial_id] = TrialRow(
            family=candidate.family,
            at_ns=now_ns,
            trial_id=trial_id,
            parameters=trial.parameters,
            score=trial.score,
            data_hash=candidate.data_hash,
        )
    return list(rows.values())
