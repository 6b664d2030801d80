"""Screens, one package or module per subject; what several of them share is `pages.kit`."""
