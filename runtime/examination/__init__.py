"""What `doctor` looks at, by subject; what must also be safe at a start is `runtime.self_check`."""
