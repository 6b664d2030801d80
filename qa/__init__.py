"""The application: archive, database, services, read side, web server and command line."""

__version__ = "0.1.0"
