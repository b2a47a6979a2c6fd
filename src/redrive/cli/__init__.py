"""The command `redrive`: one file for each noun."""
