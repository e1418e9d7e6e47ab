"""Between circles: agreements, links, payments, gossip (protocol.md, part two)."""
