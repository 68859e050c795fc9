"""The parts of the compiled simulator, each mirroring one part of council or broker."""
