"""The language of the council and the board on which it is spoken; imports nothing of ours."""
