"""What members tell of themselves, and who may see and change it; beside the ledger."""
