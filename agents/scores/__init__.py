"""What the LearnerAgent keeps of votes and their outcomes."""
