"""Where a node is, and the links that lead to one.

::

    https://circle.example                          a node
    https://circle.example/join#7qh2k-9xw3t-...     an invitation: what follows # is its code
    https://circle.example/pay#5f1c...              a payment request: its id in hexadecimal

What stands behind # is never sent to the node by a browser. Keys and money travel over https only;
http is for a node on this very computer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from client.errors import InvalidAddress
from ledger.errors import MalformedObject
from ledger.paper import INVITATION_BYTES, read_code

ADDRESS_CHARACTERS_MAX: Final = 300

_REQUEST_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Invitation:
    """The node to join at, and the one-time code (10 bytes), which its repr leaves out."""

    node_url: str
    code: bytes

    def __repr__(self) -> str:
        return f"Invitation(node_url={self.node_url!r})"


def parse_node_url(text: str) -> str:
    """The node's address as ``https://host[:port]``; https is meant where nothing else is said.

    Raises InvalidAddress, also for http to another computer than this one.
    """
    written = text.strip()
    if len(written) > ADDRESS_CHARACTERS_MAX:
        raise InvalidAddress(text, f"is longer than {ADDRESS_CHARACTERS_MAX} characters")
    if not written.isascii() or not written.isprintable() or " " in written:
        raise InvalidAddress(text, "has characters that no address has")
    if "://" not in written:
        written = f"https://{written}"
    try:
        parts = urlsplit(written)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidAddress(text, "is not an address like https://circle.example") from None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        raise InvalidAddress(text, "is not an address like https://circle.example")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise InvalidAddress(text, "has more after the name of the computer than a node's address")
    if parts.scheme == "http" and not is_loopback(host):
        raise InvalidAddress(text, "is not safe, because others could read along: use https")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port is not None else "")


def is_loopback(host: str) -> bool:
    """Whether the name means this very computer, whatever a resolver says."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def parse_invitation(link: str, code: str | None = None) -> Invitation:
    """The invitation in a link, or in a node's address and the code beside it.

    Raises InvalidAddress.
    """
    address, mark, fragment = link.strip().partition("#")
    address = address.removesuffix("/").removesuffix("/join")
    written = code if code is not None else fragment
    node_url = parse_node_url(address)
    if not written or (code is not None and mark):
        raise InvalidAddress(link, "has no invitation code after a # (the whole link is needed)")
    try:
        return Invitation(node_url, read_code(written, INVITATION_BYTES))
    except MalformedObject as error:
        reason = str(error).removeprefix("This is not a valid code: ").rstrip(".")
        raise InvalidAddress(link, f"has a code that was not copied right, as {reason}") from None


def format_invitation(node_url: str, code: str) -> str:
    """The link; ``code`` as ``ledger.paper.write_code`` prints it."""
    return f"{node_url}/join#{code}"


def parse_request_link(text: str) -> bytes | None:
    """The id of the payment request that a link or its id alone names; None when it is neither."""
    fragment = text.strip().rpartition("#")[2]
    return bytes.fromhex(fragment) if _REQUEST_ID.fullmatch(fragment) else None


def format_request_link(node_url: str, request_id: bytes) -> str:
    """The link that a payer opens."""
    return f"{node_url}/pay#{request_id.hex()}"
