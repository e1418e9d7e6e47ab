"""The command ``tally``, against a real node: what people type, and what they are told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.cli.lazy_group import LazyGroup
from client.cli.tally import tally
from client.drafts import Draft
from client.errors import NodeUnreachable
from client.keystore import KeyStore
from client.member import open_member
from client.transport import Patience
from ledger.orders import Pay
from tests.at_terminals import Newcomer, circle_at_terminals, handle, type_in
from tests.live_node import LiveNode
from tests.terminal import Person, Shown


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    """A circle that counts hours, of which whoever joins has ten."""
    unit = ("--minutes", "--unit", "hour", "--scale", "0")
    options = (*unit, "--credit-limit-max", "1000", "--starter", "10")
    with circle_at_terminals(tmp_path_factory.mktemp("node"), options=options) as node:
        yield node


def account(person: Person) -> str:
    return str(person.json("whoami")["accounts"][0])


# Every day


def test_members_pay_each_other_and_read_it_in_words(newcomer: Newcomer, tmp_path: Path) -> None:
    """Amounts as people write them; both see the text and the day."""
    ann, ben = newcomer("ann"), newcomer("ben")
    told = ann.tell("pay", handle(tmp_path, "ben"), "1h20", "--for", "Hedge", "--on", "2026-05-03")
    assert told == "You paid Ben 1 hour and 20 minutes. You have 8 hours and 40 minutes.\n"
    assert ben.tell("balance").startswith("You have 11 hours and 20 minutes.\n")
    line = ben.tell("statement").splitlines()[1]
    assert "+1 h 20" in line
    read = ben.json("statement")["lines"][0]
    assert (read["text"], read["happened_on"], read["delta"]) == ("Hedge", "2026-05-03", 80)
    done = ben.json("pay", account(ann), "0:30")
    assert (done["delta"], done["balance"], done["notices"]) == (-30, 650, [])
    assert done["payments"] == [{"account": int(account(ann)), "amount": 30}]


def test_several_are_paid_at_once_or_nobody(newcomer: Newcomer) -> None:
    ann, ben, cat = newcomer("ann"), newcomer("ben"), newcomer("cat")
    ann.tell("pay", account(ben), "1", f"#{account(cat)}", "2", "--for", "Lunch")
    assert ben.json("balance")["accounts"][0]["balance"] == 660
    assert cat.json("balance")["accounts"][0]["balance"] == 720
    assert "too much" in ann.fail("pay", account(ben), "1", account(cat), "500")
    assert ben.json("balance")["accounts"][0]["balance"] == 660


def test_members_of_one_device_end_no_session_for_good(newcomer: Newcomer) -> None:
    """A node keeps eight sessions of a device; twenty programs that each ask again and again."""
    store = KeyStore(newcomer("ann").home)

    async def read() -> set[int]:
        async with open_member(store) as member:
            return {(await member.me(afresh=True)).person for _ in range(5)}

    async def read_at_once() -> list[set[int]]:
        return await asyncio.gather(*(read() for _ in range(20)))

    found = asyncio.run(read_at_once())
    assert len(set.union(*found)) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("pay", "olive", "200"), "You can spend 30 hours now, so 200 hours is too much"),
        (("pay", "nobody-here", "1"), "Nobody here is called nobody-here"),
        (("pay", "Not A Name", "1"), "is nobody's short name"),
        (("pay", "olive", "0"), "write an amount above zero"),
        (("pay", "olive", "-1"), None),
        (("pay", "olive", "1,500"), "can be read in two ways"),
        (("pay", "olive", "many"), "is not an amount in hours"),
        (("pay", "olive"), "Write pairs of WHO and AMOUNT"),
        (("pay", "999999", "1"), "There is no account 999999"),
        (("pay", "olive@brixton.example", "1"), "is another circle"),
        (("pay", "olive", "1", "--account", "101"), "Account 101 is not one of yours"),
        (("pay", "olive", "1", "--as", "olive"), "You were not allowed to do this"),
        (("request", "0"), "write an amount above zero"),
        (("pay", "f" * 64), "There is no payment request of that id"),
        (("statement", "--account", "101"), "There is no account 101 that you can see"),
        (("officer", "people"), "You may not see the list of all members"),
        (("officer", "close", "olive", "--reason", "x"), "That is not yours to do"),
        (("devices", "revoke", "9"), "There is no device '9'"),
        (("devices", "add", "rubbish"), "was not copied whole"),
        (("hand-over", "77"), "Nothing of yours is set aside under number 77"),
        (("disallow", "77"), "there is no such mandate"),
        (("--circle", "brixton", "balance"), "has no circle called 'brixton'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    newcomer: Newcomer, arguments: tuple[str, ...], sentence: str | None
) -> None:
    """On standard error, with status 1; what is no command line at all has status 2."""
    ann = newcomer("ann")
    if sentence is None:
        assert ann(*arguments).status == 2
        return
    assert sentence in ann.fail(*arguments)


def test_errors_have_a_stable_code_for_programs(newcomer: Newcomer) -> None:
    """The sentence is on standard error all the same."""
    ann = newcomer("ann")
    result = ann("pay", "olive", "200", "--json")
    assert result.status == 1
    error = json.loads(result.out)["error"]
    assert error["code"] == "credit-limit"
    assert error["attributes"]["amount"] == 12_000
    assert error["detail"] in result.err
    assert json.loads(ann("pay", "olive", "x", "--json").out)["error"]["code"] == "amount-invalid"


def test_a_request_is_paid_once_by_its_link(newcomer: Newcomer) -> None:
    ann, ben = newcomer("ann"), newcomer("ben")
    assert ann.tell("requests") == "You have not asked for anything.\n"
    asked = ann.json("request", "1.5", "--for", "Cake")
    assert asked["link"] in ann.tell("requests")
    assert ben.tell("pay", asked["link"]).startswith("You paid Ann 1 and a half hours.")
    assert ben.fail("pay", asked["link"]) == "That request cannot be paid: it was paid before."
    told = ann.tell("requests")
    assert "1 and a half hours for Cake: paid (no. " in told
    assert ben.json("statement")["lines"][0]["text"] == "Cake"


def test_a_statement_is_cut_by_days_and_by_whom(newcomer: Newcomer) -> None:
    """As columns, as sentences on a narrow terminal, as JSON and as CSV."""
    ann, ben, cat = newcomer("ann"), newcomer("ben"), newcomer("cat")
    ann.tell("pay", account(ben), "1", "--for", "=HYPERLINK(1)")
    ann.tell("pay", account(cat), "2")
    assert len(ann.json("statement")["lines"]) == 3
    (only,) = ann.json("statement", "--with", account(ben))["lines"]
    assert only["counterparty"]["name"] == "Ben"
    assert ann.json("statement", "--to", "2020-01-01")["lines"] == []
    assert ann.tell("statement", "--to", "2020-01-01").startswith("There is nothing")
    rows = ann.tell("statement", "--csv").splitlines()
    assert len(rows) == 4
    assert rows[0].startswith("number,entry,logged,happened_on,kind,change,balance")
    assert "'=HYPERLINK(1)" in rows[2]
    assert ann("statement", "--from", "yesterday").status == 2


# Promises, and acting for others


def test_what_is_set_aside_is_handed_over_in_part(newcomer: Newcomer) -> None:
    """What is left of it is free again."""
    ann, ben = newcomer("ann"), newcomer("ben")
    assert ann.tell("promises") == "Nothing is set aside.\n"
    made = ann.json("set-aside", "2", "--whom", account(ben), "--for", "Painting")
    assert (made["delta"], made["held"]) == (0, 120)
    number = str(made["promise"])
    assert f"Promise {number}: you set 2 hours aside" in ann.tell("promises")
    assert "aside for you" in ben.tell("promises")
    assert "You promised it until" in ann.fail("free", number)
    assert "1 hour" in ann.tell("hand-over", number, "1")
    assert ben.json("balance")["accounts"][0]["balance"] == 660
    assert ann.json("balance")["accounts"][0]["held"] == 0
    again = str(ann.json("set-aside", "3")["promise"])
    assert "--whom" in ann.fail("hand-over", again)
    assert ann.tell("hand-over", again, "--whom", account(ben)).endswith("You have 6 hours.\n")


def test_a_promise_is_given_to_a_helper_who_gives_it_back(newcomer: Newcomer) -> None:
    """While it is for nobody it can be freed at any time."""
    ann, ben = newcomer("ann"), newcomer("ben")
    number = str(ann.json("set-aside", "2", "--for", "The hedge")["promise"])
    assert f"say for whom: tally assign {number} WHO\n" in ann.tell("promises")
    handle = ben.json("whoami")["handle"]
    told = ann.tell("assign", number, handle, "--claim-days", "3")
    assert told == f"Promise {number} is for Ben now.\n"
    assert "tally assign" not in ann.tell("promises")
    assert f"To give it back: tally assign {number} --nobody\n" in ben.tell("promises")
    assert "You promised it until" in ann.fail("free", number)
    assert "only they can give it back" in ann.fail("assign", number, "--nobody")
    assert "has to be given back" in ann.fail("assign", number, account(ann))
    assert ben.json("claim", number)["promise"] == int(number)
    back = ben.tell("assign", number, "--nobody")
    assert back == f"You gave promise {number} back; it is for nobody now.\n"
    assert "given back (Ann)" in ben.tell("statement", "--all")
    assert "for nobody already" in ann.fail("assign", number, "--nobody")
    assert "--nobody" in ann.fail("assign", number)
    assert "leave out" in ann.fail("assign", number, "--nobody", "--claim-days", "3")
    fields = ann.json("assign", number, account(ben))
    assert (fields["kind"], fields["payee"]) == ("assign", int(account(ben)))
    ben.tell("assign", number, "--nobody")
    assert "is over, and nothing was paid" in ann.tell("free", number)


def test_what_is_promised_can_be_claimed_objected_to_and_given_up(newcomer: Newcomer) -> None:
    ann, ben = newcomer("ann"), newcomer("ben")
    made = ann.json("set-aside", "2", "--whom", account(ben), "--claim-days", "1")
    number = str(made["promise"])
    assert "Unless they object" in ben.tell("claim", number)
    assert "may still object" in ben.fail("hand-over", number)
    assert "stands no longer" in ann.tell("object", number, "--for", "Not done yet")
    assert "is over, and nothing was paid" in ben.tell("free", number)
    assert ann.tell("promises") == "Nothing is set aside.\n"


def test_somebody_allowed_acts_within_bounds(newcomer: Newcomer) -> None:
    """Both names show on the line; the bound is kept; it can be ended."""
    ann, ben = newcomer("ann"), newcomer("ben")
    whom = account(ann)
    assert "Nobody acts for you" in ann.tell("allowed")
    ben_handle = ben.json("whoami")["handle"]
    bounds = ("--up-to", "3", "--until", "2099-01-01")
    made = ann.json("allow", ben_handle, "--each", "2 weeks", *bounds)
    assert f"--as {whom}" in ben.tell("allowed")
    assert "Ann paid Olive Oyl 2 hours." in ben.tell("pay", "olive", "2", "--as", whom)
    assert ann.json("statement")["lines"][0]["by"] == ben_handle
    assert "1 hour can be moved now" in ben.fail("pay", "olive", "2", "--as", whom)
    assert "not allowed" in ben.fail("set-aside", "1", "--as", whom)
    assert "is no span of time" in ann.fail("allow", ben_handle, "--each", "moon", *bounds)
    ann.tell("disallow", str(made["number"]))
    assert "not allowed" in ben.fail("pay", "olive", "1", "--as", whom)


# Devices and circles


def test_a_new_device_is_added_and_a_lost_one_stopped(
    newcomer: Newcomer, node: LiveNode, tmp_path: Path, capsys: Shown
) -> None:
    ann, tablet = newcomer("ann"), Person(tmp_path / "tablet", capsys)
    code = tablet.json("new-device", node.url, "--device", "tablet")["code"]
    assert "The circle does not know this device" in tablet.fail("balance")
    assert "tablet is yours now" in ann.tell("devices", "add", code)
    assert tablet.json("whoami")["person"] == ann.json("whoami")["person"]
    assert "tablet: in use" in ann.tell("devices")
    assert "reported lost" in ann.tell("devices", "freeze", "tablet", "--yes")
    assert "The circle does not know this device" in tablet.fail("balance")
    ann.tell("devices", "thaw", "tablet")
    tablet.tell("balance")
    assert ann.tell("devices", "revoke", "tablet", "--yes").startswith("tablet is ended")
    listed = {each["label"]: each["status"] for each in ann.json("devices")["devices"]}
    assert listed == {"first device": "active", "tablet": "revoked"}


def test_a_recovery_sheet_brings_in_a_device(
    newcomer: Newcomer,
    node: LiveNode,
    tmp_path: Path,
    capsys: Shown,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it moves in its first week is bounded."""
    ann, laptop = newcomer("ann"), Person(tmp_path / "laptop", capsys)
    sheet = ann.json("devices", "recovery-sheet")
    type_in(monkeypatch, sheet["code"].upper())
    assert "You are back in Peckham Circle." in laptop.tell(
        "new-device", node.url, "--recovery-sheet", "--device", "laptop"
    )
    assert "first week" in ann("balance").err
    assert "moves little until" in ann.tell("devices")
    assert "In this way" in laptop.fail("pay", "olive", "25")
    laptop.tell("pay", "olive", "1")


def test_a_passphrase_protects_the_key(
    newcomer: Newcomer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = newcomer("ann")
    type_in(monkeypatch, "roses are red")
    ann.tell("passphrase")
    type_in(monkeypatch, "roses are blue")
    assert "does not open" in ann.fail("balance")
    type_in(monkeypatch, "roses are red")
    ann.tell("balance")
    type_in(monkeypatch, "roses are red")
    ann.tell("passphrase", "--remove")
    ann.tell("balance")


def test_several_circles_are_told_apart_by_name(
    newcomer: Newcomer, olive: Person, tmp_path: Path
) -> None:
    """A person may be in one circle twice, or share a device."""
    ann = newcomer("ann")
    link = olive.json("officer", "invite", "--reason", "her mother")["link"]
    names = ("--handle", handle(tmp_path, "mum"), "--name", "Mum")
    ann.tell("join", link, *names, "--call-it", "mum", "--again")
    assert ann.json("--circle", "mum", "whoami")["name"] == "Mum"
    assert ann.json("whoami", "--circle", "peckham-circle")["name"] == "Ann"
    listed = {each["membership"]: each["default"] for each in ann.json("circles")["circles"]}
    assert listed == {"mum": False, "peckham-circle": True}
    ann.tell("circles", "--use", "mum")
    assert ann.json("whoami")["name"] == "Mum"


def test_verify_praises_what_matches(newcomer: Newcomer) -> None:
    ann = newcomer("ann")
    ann.tell("pay", "olive", "1")
    assert ann.tell("verify", "--whole-log").startswith(
        "Everything matches. 2 receipts and 2 lines"
    )
    told = ann.tell("verify")
    assert "Since you last looked nothing was changed, and nothing was added." in told
    figures = ann.json("verify")
    assert figures["ok"]
    assert (figures["receipts"], figures["lines"], figures["findings"]) == (2, 2, [])


# Interruptions


def test_what_was_interrupted_is_done_once_and_told(
    newcomer: Newcomer, node: LiveNode, tmp_path: Path
) -> None:
    """By the next command, whatever that is; the same command is not a second payment."""
    ann = newcomer("ann")
    for again, balance in (("balance",), 540), (("pay", "olive", "1", "--for", "Jam"), 480):
        node.stop(signal.SIGKILL)
        try:
            # Its number instead of the name, which the node would have to look up.
            interrupt(ann, Draft(Pay(((101, 60),)), int(account_kept(ann)), "Jam"))
            assert "cannot be reached now" in ann("balance").err
        finally:
            node.start()
        result = ann(*again)
        assert result.status == 0
        assert "Something that was interrupted is done now, once" in result.err
        assert "Ann pays 1 hour (Olive Oyl): Jam" in result.err
        assert ann.json("balance")["accounts"][0]["balance"] == balance
    assert ann.json("verify")["ok"]


def account_kept(person: Person) -> int:
    return KeyStore(person.home).membership().accounts[0]


def interrupt(person: Person, draft: Draft) -> None:
    """Sign and keep an order as ``tally`` does, and fail to send it."""

    async def send() -> None:
        async with open_member(KeyStore(person.home), patience=Patience(attempts=1)) as member:
            await member.order(draft)

    with pytest.raises(NodeUnreachable):
        asyncio.run(send())


def test_ctrl_c_stops_it_without_a_traceback(newcomer: Newcomer) -> None:
    """While it waits for somebody to type."""
    ann = newcomer("ann")
    master, slave = os.openpty()
    program = subprocess.Popen(
        [sys.executable, "-m", "client.cli", "--home", str(ann.home), "passphrase"],
        stdin=slave,
        stdout=slave,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # A job in the background, as CI may be, hands down that it ignores Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    os.close(slave)
    assert program.stderr is not None
    try:
        program.stderr.read(len("The new passphrase"))
        program.send_signal(signal.SIGINT)
        err = program.stderr.read().decode()
        assert program.wait(10) == 130
        assert err.rstrip().endswith("Stopped.")
        assert "Traceback" not in err
    finally:
        program.kill()
        program.wait()
        program.stderr.close()
        os.close(master)


# The program


def test_every_command_is_there_and_says_what_it_does() -> None:
    """Also those of the groups; each has help of its own and can answer in JSON."""

    def walk(group: LazyGroup, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        import click

        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            assert command.name == name
            assert command.help, name
            if isinstance(command, LazyGroup):
                yield from walk(command, (*path, name))
            else:
                flags = {flag for each in command.params for flag in each.opts}
                assert "--json" in flags, name
                yield (*path, name)

    assert isinstance(tally, LazyGroup)
    commands = list(walk(tally, ()))
    assert len(commands) > 40
    assert ("officer", "levy") in commands


def run_program(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_help_is_shown_without_loading_what_it_does_not_need() -> None:
    """So it is there at once."""
    program = (
        "import sys; from client.cli.tally import run_tally; run_tally(['--help']);"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    run = run_program("-c", program)
    assert "Give and get help in your circle" in run.stdout
    assert not set(run.stderr.split()) & {"aiohttp", "asyncio", "nacl", "msgpack", "ledger"}


def test_a_fault_of_the_program_is_told_without_a_traceback() -> None:
    """Unless a developer asks for it."""
    program = (
        "import sys, client.cli.tally as t, client.cli as c;"
        "t.run_tally = lambda arguments: [][1]; sys.argv = ['tally']; c.main()"
    )
    run = run_program("-c", program)
    assert run.returncode == 1
    assert run.stderr.startswith("Something went wrong in this program itself (IndexError")
    assert "Traceback" not in run.stderr
    assert "Traceback" in run_program("-c", program, TALLY_DEBUG="1").stderr


def test_the_program_ends_with_the_status_of_its_command(tmp_path: Path) -> None:
    """Letters that a terminal lacks are shown as question marks."""
    home = str(tmp_path / "h\u00f6me")
    run = run_program(
        "-m", "client.cli", "balance", TALLY_HOME=home, PYTHONIOENCODING="ascii", PYTHONUTF8="0"
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert "belongs to no circle yet" in run.stderr
    assert run_program("-m", "client.cli", "nonsense").returncode == 2
    assert run_program("-m", "client.cli", "--version").stdout.startswith("tally, version ")
