"""The built-in families of connectors, and the catalogue of systems."""
