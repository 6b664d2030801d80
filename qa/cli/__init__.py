"""The command line: one module per group of commands, discovered by `qa.cli.main`."""
