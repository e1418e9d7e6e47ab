"""``tally demo``: a circle played on this computer, with a real node, real keys and real orders."""

from client.demo.play import main

__all__ = ["main"]
