"""What members are told and write to each other; beside the ledger."""
