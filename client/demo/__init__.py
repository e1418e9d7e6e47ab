"""``tally demo``: circles played on this computer, with real nodes, real keys and real orders."""

from client.demo.command import demo

__all__ = ["demo"]
