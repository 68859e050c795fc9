"""What the SupervisorAgent decides by: rounds, arbitration, care for positions, restrictions."""
