"""The only part that touches the world: Ray, clocks, disk, network, terminals."""
