"""``tally demo``: a circle played on this computer, with a real node, real keys and real orders."""

from client.demo.command import demo

__all__ = ["demo"]
