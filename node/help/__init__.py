"""Help: who helps, what is asked for, who is asked for it and why, and what came of it."""
