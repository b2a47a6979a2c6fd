"""A demo shop, a demo ERP, and the story of a failed run that is redriven between them."""
