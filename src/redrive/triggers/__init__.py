"""What starts runs: one file for each kind of trigger."""
