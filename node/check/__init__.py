"""Checking a circle's log: everything replayed by a model that shares no rule with the writer's.

From ``ledger`` only the codec, the Merkle tree and the errors are imported. What an order's bytes
mean and what it may do is read here a second time, from protocol.md, so that a mistake in one
reading is not repeated in the other.
"""

from node.check.findings import CheckResult, Problem, Progress
from node.check.log import check_log

__all__ = ["CheckResult", "Problem", "Progress", "check_log"]
