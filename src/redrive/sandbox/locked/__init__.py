"""What runs inside the locked-down process of a `full` script: files that need the standard library only."""
