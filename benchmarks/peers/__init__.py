"""The same work in other engines: each file is a script run by an interpreter that has its engine.

They import nothing of ours. Each takes the path of the columns and how often to repeat, and prints
one JSON object: version, seconds of each repetition, trades.
"""
