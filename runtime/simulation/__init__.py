"""The whole live system in one process, in virtual time, under one seeded plan of faults."""
