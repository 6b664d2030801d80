"""People who sign in: accounts, passwords and sign-ins."""
