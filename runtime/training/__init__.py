"""How models come to be: what is trained, on which bars, and how it is judged."""
