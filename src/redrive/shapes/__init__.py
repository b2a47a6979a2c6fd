"""The built-in shapes: one file each, found by scanning this package."""
