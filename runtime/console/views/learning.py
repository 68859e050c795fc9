"""Models and trials: who serves, what was tried, which gate refused it; drift, parameters."""

from typing import Any

import msgspec

from runtime.console.present import Present
from runtime.model_store import ModelStore
from runtime.training.overview import overview
from runtime.training.standing import Standing


def learning(present: Present, store: ModelStore | None, standing: Standing) -> dict[str, Any]:
    """Return the page; the store is None before anything was trained."""
    parameters = present.parameters
    return {
        "store": [msgspec.to_builtins(line) for line in overview(store)] if store else [],
        "standing": msgspec.to_builtins(standing),
        "parameters": msgspec.to_builtins(parameters) if parameters else None,
        "drifts": [
            {
                "scope": scope,
                "at_ns": at_ns,
                "statistic": drift.statistic,
                "value": drift.value,
                "threshold": drift.threshold,
            }
            for scope, (at_ns, drift) in sorted(present.drifts.items())
        ],
    }
