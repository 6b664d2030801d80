"""Screens of people: accounts and the roster of agents."""
