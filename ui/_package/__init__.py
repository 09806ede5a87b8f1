"""ethochat: ask questions about mouse-behavior experiments in plain language."""

__version__ = "0.1.0"
