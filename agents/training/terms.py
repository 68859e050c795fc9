"""What an operator asks of a candidate, in the words of the gates."""

from config.gates import GatesSection
from models.learning.verdict import GateTerms


def gate_terms(gates: GatesSection) -> GateTerms:
    """Return the thresholds that the settings give."""
    return GateTerms(
        alpha_a_quarter=gates.alpha_a_quarter,
        attempts_a_quarter=gates.attempts_a_quarter,
        trades_min=gates.trades_min,
        deflated_sharpe_min=gates.deflated_sharpe_min,
        overfitting_max=gates.overfitting_max,
        spa_p_max=gates.spa_p_max,
        shadow_days_min=gates.shadow_days_min,
        shadow_outcomes_min=gates.shadow_outcomes_min,
    )
