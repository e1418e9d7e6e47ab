"""What evidence proves, in a sentence for people (protocol.md, "Evidence")."""

from __future__ import annotations

from ledger.federation.proof_link import Finding

_SIGNED = {
    "message": "signed two different messages under one number ({number}) to {other}",
    "statement": "signed two different accounts of how it stands with {other}{owes}",
    "sent-twice": "sent one payment ({payment}) twice to {other}",
    "committed-twice": "claimed one payment ({payment}) twice from {other}",
    "books": "signed an account of how it stands with {other} that its own messages"
    " contradict{counted}",
    "hold": "claimed or released a payment ({payment}) that {other} had not sent, or once more",
    "false-commit": "claimed a payment ({payment}) from {other} with a signature that is not that"
    " of the payee's circle",
    "false-terms": "sent {other} terms that it did not sign, or that cannot be",
    "false-payment": "sent {other} a payment ({payment}) that nobody can read",
    "verdict": "signed that a payment ({payment}) arrived, and that it was refused",
    "heads": "signed two different histories of its books (as they were after {number} entries)",
    "bulletin": "told different circles different things of itself at one time (bulletin {number})",
    "keys": "certified two different sets of keys for itself",
}
_UNDECIDED = {
    "received": "{circle} signed that message {number} of {other} was one thing, and that it was"
    " another. Either it made one of them up, or {other} sent both and {circle} lost the first:"
    " this alone does not say which.",
    "dispute": "{circle} and {other} signed different things{about}{owes}. One of the two is wrong;"
    " this alone does not say which.",
    "past": "{circle} signed that it has message {number} of {other}. If {other} never sent it,"
    " one of the two lost its records or made that up; this alone does not say which.",
}

WORDS = (*_SIGNED, *_UNDECIDED)
"""What a finding may be about."""


def tell_finding(finding: Finding) -> str:
    """One or two plain sentences, the first on who signed what."""
    told = {
        "circle": _signer(finding),
        "other": _address(finding.other_origin),
        "number": finding.number,
        "payment": finding.payment.hex()[:8],
        "about": f" as message {finding.number}" if finding.number else " of how they stand",
        "owes": "",
        "counted": "",
    }
    if len(set(finding.owes)) == 2:
        first, second = (_tell_debt(owed, finding.unit) for owed in finding.owes)
        told["owes"] = f": that {told['circle']} {first}, and that it {second}"
        told["counted"] = f": it says that it {first}, and by the messages it {second}"
    if finding.about in _UNDECIDED:
        return _UNDECIDED[finding.about].format(**told)
    return f"{told['circle']} {_SIGNED[finding.about].format(**told)}."


def tell_numbers(finding: Finding) -> list[str]:
    """Whose addresses these are: anybody can give a circle an address, and nobody its number."""
    circles = (finding.origin, finding.circle), (finding.other_origin, finding.other)
    if not finding.circle:
        return [f"Whoever it was has the key {finding.key}"]
    return [
        f"{_address(origin)} is here the circle with the number {circle.hex()}."
        for origin, circle in circles
        if circle
    ]


def _signer(finding: Finding) -> str:
    if finding.circle:
        return _address(finding.origin)
    return f"The log {finding.origin}" if finding.origin else "The circle that was paid into"


def _address(origin: str) -> str:
    return origin.partition("/")[0]


def _tell_debt(owed: int, unit: str) -> str:
    return f"owes {owed} {unit}" if owed >= 0 else f"is owed {-owed} {unit}"
