"""Open numbers: what a circle did, month by month, as anybody may read it."""
