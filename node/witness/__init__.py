"""Cosigning the heads of other logs, and having our own cosigned (C2SP tlog-witness)."""
