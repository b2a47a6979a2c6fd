"""The HTTP API: reads a request, calls one use case, writes the answer."""
