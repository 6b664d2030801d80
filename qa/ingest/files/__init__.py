"""Containers: one module a kind of file (CSV, Excel, JSON, transcripts, archives). Each turns bytes into rows of
text."""
