"""What members offer and want: listings, and how they are found, printed and complained of."""
