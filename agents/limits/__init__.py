"""What the RiskAgent judges by: account, candidates, locks, reservations, rules in order."""
