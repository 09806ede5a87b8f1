"""The data of an experiment and everything that reads it."""
