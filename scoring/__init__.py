"""The mathematics of inspection: pure functions and frozen types; no database, clock, network or random numbers."""
