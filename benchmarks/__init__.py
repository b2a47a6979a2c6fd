"""What the product costs, beside a bare script that does the same work: `make bench`."""
