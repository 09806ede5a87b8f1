"""Search: a description in words becomes conditions that the tables decide, and a rank by likeness."""
