"""The operating system behind one port: what Linux and Windows do differently is said here."""
