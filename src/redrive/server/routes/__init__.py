"""One module of routes for each noun of the service."""
