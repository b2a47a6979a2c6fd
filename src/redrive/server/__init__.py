"""The HTTP API of one home: routes, problems, sign-in, live streams."""
