"""``prove-safety``: every limit of the schema refuses an order just beyond it, shown one by one."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from runtime.commands.options import ConfigOption, JsonOption, SetOption, load

if TYPE_CHECKING:
    from runtime.proof.safety.proof import Finding

EXIT_UNPROVEN = 1
_WIDTH = 200
"""Columns of the table where the output is no terminal."""


def mount(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("prove-safety")(prove_safety)


def prove_safety(
    config: ConfigOption = None, set_: SetOption = None, json: JsonOption = False
) -> None:
    """Play a case of every limit on the real agents: just inside it passes, just beyond it not."""
    from runtime.proof.safety.proof import prove, prove_guards, summary  # loads the agents

    settings = load(config, set_).settings
    findings, guards = prove(settings), prove_guards(settings)
    counts, guarded = summary(findings), summary(guards)
    if json:
        told = {**counts, "findings": findings, "guards": guarded, "guard_findings": guards}
        print(msgspec.json.encode(told).decode())
    else:
        _show([*findings, *guards], counts, guarded)
    if any(finding.problem for finding in (*findings, *guards)):
        raise typer.Exit(EXIT_UNPROVEN)


def _show(
    findings: Sequence["Finding"], counts: Mapping[str, int], guarded: Mapping[str, int]
) -> None:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=_WIDTH)
    table = Table(*("", "limit", "value", "scenario", "passed", "refused", "reason"), box=None)
    for finding in findings:
        table.add_row(
            "FAIL" if finding.problem else "off" if finding.is_off else "ok",
            finding.limit,
            finding.value,
            finding.scenario,
            finding.passed_order,
            finding.refused_order,
            finding.reason,
        )
    console.print(table)
    for finding in findings:
        if finding.problem:
            console.print(f"FAIL {finding.limit}: {finding.problem}")
    off = counts["switched_off"]
    console.print(
        f"{counts['hold']} of {counts['limits']} limits hold"
        + (
            f", {off} of them switched off by the settings and shown at another value"
            if off
            else ""
        )
    )
    console.print(f"{guarded['hold']} of {guarded['limits']} rules that no setting moves hold")
