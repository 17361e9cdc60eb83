"""What `make lint` looks at. Each check takes the tree and returns its findings as `file:line: what is wrong`."""
