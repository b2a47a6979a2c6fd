"""Pure decisions: records in, records and commands out. No clock, no I/O, no async."""
