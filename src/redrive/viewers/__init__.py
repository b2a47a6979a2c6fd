"""How payload bytes are shown: one file for each form."""
