"""What must hold of every run: one module a group of promises, one function an invariant."""
