"""Requests for help that pass between neighbouring circles (protocol.md, "Referrals")."""
