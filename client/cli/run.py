"""One run of ``tally``: the key store, the member it acts for, and what is told on the side."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from client.cli.names import Names
from client.cli.prompts import ask_secret
from client.cli.settings import Settings

if TYPE_CHECKING:
    # Loading these takes longer than a help text may.
    from client.drafts import Draft, Signatory
    from client.keystore import KeyStore
    from client.member import Member, Outcome
    from client.receipts import Proved
    from ledger.amount import Unit


class Run:
    """An async context manager; ``notices`` are sentences that a person should read besides.

    ``names`` are those that came up, for the numbers in refusals.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notices: list[str] = []
        self.names = Names()
        self._stack = AsyncExitStack()
        self._member: Member | None = None
        self._resent: dict[str, Outcome] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    @property
    def unit(self) -> Unit | None:
        """What the circle counts in, once it is known."""
        return None if self._member is None else self._member.circle.unit

    @property
    def own_accounts(self) -> tuple[int, ...]:
        """The member's accounts as this device last knew them."""
        return () if self._member is None else self._member.membership.accounts

    def store(self) -> KeyStore:
        """The key store in the folder that was asked for."""
        from client.keystore import KeyStore, default_folder

        home = self.settings.home
        return KeyStore(default_folder() if home is None else Path(home))

    async def member(self) -> Member:
        """The member of the circle that was asked for; what was interrupted goes out first."""
        if self._member is None:
            from client.member import open_member

            store, name = self.store(), self.settings.circle
            passphrase = None
            if store.membership(name).has_passphrase:
                passphrase = ask_secret("Passphrase")
            opened = open_member(store, name, passphrase=passphrase)
            self._member = await self._stack.enter_async_context(opened)
            await self._resend(self._member)
        return self._member

    def sent_before(self, intent: str) -> Proved | None:
        """What was asked for before and still waited to be sent, now that it is done."""
        from client.receipts import Proved

        earlier = self._resent.get(intent)
        return earlier if isinstance(earlier, Proved) else None

    async def order(
        self, draft: Draft, *, signatory: Signatory | None = None, intent: str | None = None
    ) -> Proved:
        """Have it done, once: if the very same was still waiting to be sent, that was it."""
        from client.receipts import Proved

        member = await self.member()
        wanted = intent or draft.intent()
        earlier = self._resent.pop(wanted, None)
        if isinstance(earlier, Proved):
            return earlier
        return await member.order(draft, signatory=signatory, intent=intent)

    async def _resend(self, member: Member) -> None:
        from client.cli.names import learn_names
        from client.cli.orders_in_words import tell_resent
        from client.errors import NodeError, NodeRefused, NodeUnreachable

        try:
            resent = await member.resend()
        except NodeUnreachable:
            waiting = len(member.journal.unanswered())
            self.notices.append(
                f"What you asked for before still waits for a connection ({waiting} in all)."
            )
            raise
        except NodeRefused as refused:
            if refused.problem != "frozen":
                raise
            # What is there can be read all the same; what is asked for is refused by itself.
            waiting = len(member.journal.unanswered())
            self.notices.append(
                "What you asked for before still waits, as the circle's node takes no orders at the"
                f" moment ({waiting} in all)."
            )
            return
        if resent:
            # Names only adorn what is told; a device that ended itself is told no more of them.
            with suppress(NodeError):
                await learn_names(member, self.names)
        for each in resent:
            self._resent[each.order.intent] = each.outcome
            self.notices.append(tell_resent(each, member.circle.unit, self.names))
