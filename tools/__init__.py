"""What builds and checks the project; not shipped."""
