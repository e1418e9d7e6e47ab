"""What one step of a circle changes on its links, collected before any of it is applied."""

from __future__ import annotations

from ledger.federation.link import (
    EndLinkHold,
    FederationChange,
    Link,
    LinkHold,
    PutLink,
    PutLinkHold,
    PutMessage,
    PutTransit,
    Transit,
    next_message,
)
from ledger.federation.message import Content
from ledger.state import State


class Draft:
    """Changes of links, their holds and payments, against ``state``, which stays as it is."""

    def __init__(self, state: State, now: int) -> None:
        self.state = state
        self.now = now
        self._links: dict[bytes, Link] = {}
        self._transits: dict[bytes, Transit] = {}
        self._others: list[FederationChange] = []

    def link(self, link_id: bytes) -> Link:
        """The link as it is by now."""
        return self._links.get(link_id) or self.state.links[link_id]

    def can_send(self, link_id: bytes) -> bool:
        """Whether our next message on a link may be written: not while we may have lost our last
        ones. There is none to write where there is no link."""
        if not link_id:
            return True
        return link_id not in self.state.unconfirmed and self.link(link_id).status != "lost"

    def put(self, link: Link) -> None:
        self._links[link.id] = link

    def put_transit(self, transit: Transit) -> None:
        self._transits[transit.payment] = transit

    def note(self, change: FederationChange) -> None:
        self._others.append(change)

    def send(self, link_id: bytes, content: Content) -> None:
        """Append our next message to the link; it goes out once all this is persisted."""
        link, message = next_message(self.link(link_id), content)
        self.put(link)
        self._others.append(message)

    def took(self, link: Link, body: bytes, wire: bytes) -> None:
        """Note a message received, with the link as it is after it."""
        self.put(link)
        self._others.append(PutMessage(link.id, False, link.received.seq, body, wire))

    def hold(self, hold: LinkHold) -> None:
        """Open a hold on a link."""
        link = self.link(hold.link)
        if hold.incoming:
            link = link._replace(
                incoming=link.incoming + hold.amount,
                incoming_count=link.incoming_count + 1,
            )
        else:
            link = link._replace(
                outgoing=link.outgoing + hold.amount,
                outgoing_count=link.outgoing_count + 1,
            )
        self.put(link)
        self._others.append(PutLinkHold(hold))

    def end(self, hold: LinkHold, committed: bool) -> None:
        """Resolve a hold: into debt when it was committed, else into nothing."""
        link = self.link(hold.link)
        debt = hold.amount if committed else 0
        link = link._replace(rounding=link.rounding + (hold.gain if committed else 0))
        if hold.incoming:
            link = link._replace(
                owed=link.owed + debt,
                incoming=link.incoming - hold.amount,
                incoming_count=link.incoming_count - 1,
            )
        else:
            link = link._replace(
                owed=link.owed - debt,
                outgoing=link.outgoing - hold.amount,
                outgoing_count=link.outgoing_count - 1,
            )
        self.put(link)
        self._others.append(EndLinkHold(hold.link, hold.payment))

    def changes(self) -> tuple[FederationChange, ...]:
        """All of them, each link and payment once."""
        return (
            *map(PutLink, self._links.values()),
            *self._others,
            *map(PutTransit, self._transits.values()),
        )
