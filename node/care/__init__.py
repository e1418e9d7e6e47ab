"""Looking after people: safeguarding, who is on duty, and what they hand over."""
