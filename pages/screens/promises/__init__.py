"""The screens of the promise ledger."""
