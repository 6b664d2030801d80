"""The screen an inspector works on."""
