"""The screens of results: trends, one agent, what may be said about ranks; with the filters they share."""
