"""Results: the ledger of verdict versions, their facts as columns, reading them, and appeals."""
