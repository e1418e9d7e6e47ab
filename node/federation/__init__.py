"""What this circle has with others: agreements, and the exchanges over their links."""
