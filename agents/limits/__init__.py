"""What the RiskAgent judges by: account, candidates, locks, reservations, and the rules in their order."""
