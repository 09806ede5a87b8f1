"""A model describes the segments of an experiment: asked once, kept in a journal, brought into the tables from there."""
