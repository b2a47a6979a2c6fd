"""Flow, connector and connection documents: read, checked as a whole, described by a schema, exported."""
