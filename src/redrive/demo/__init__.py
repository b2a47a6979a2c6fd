"""A demo shop, a demo ERP and the story that they tell; ships in the wheel."""
