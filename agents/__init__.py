"""The nine agents: pure steps from what the board says to what should follow.

Nothing is imported here: an agent is loaded by name, in its own process, only where it is enabled.
"""
