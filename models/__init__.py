"""What is computed: arrays in, values out; no clock, disk, network or facts."""
