"""Records and their tables: the only truth about runs, payloads and deliveries."""
