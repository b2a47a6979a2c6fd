"""Records and contents: what is true, durable before it counts. Knows records, not plug-ins."""
