"""Circles under every fault at once, in virtual time: the very cores, one heap, one seed."""
