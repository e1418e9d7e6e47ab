"""What is on: events on the clock of the circle's wall, who comes, and feeds of it all."""
