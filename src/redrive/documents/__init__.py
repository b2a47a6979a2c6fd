"""Flow, connector and connection documents: text in, validated documents or problems out."""
