"""How often intervals cover the truth and tests reject where there is nothing, in simulated experiments."""
