"""The tables ``[email]`` and ``[sms]`` of ``node.toml``: nothing is guessed, all wrong is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.config import ENVIRONMENT, SETTINGS, TABLES, BadSettings, Config, read_config
from node.talking.settings import EMAIL_SETTINGS, SMS_SETTINGS, is_mailbox
from node.talking.timing import plain_number

ROOT = Path(__file__).resolve().parents[1]
EMAIL = {
    "host": '"mail.example"',
    "port": "587",
    "security": '"starttls"',
    "sender": '"Southwark Circle <circle@circle.example>"',
    "user": '"circle"',
    "password": '"of-the-mail"',
}
SMS = {
    "url": '"https://gateway.example/send?x=1"',
    "to": '"number"',
    "text": '"message"',
    "header": '"Authorization"',
    "secret": '"Bearer of-the-gateway"',
    "fields": '{ from = "Southwark" }',
}


def read(
    folder: Path,
    email: dict[str, str] | None = None,
    sms: dict[str, str] | None = None,
    **environment: str,
) -> Config:
    """What a node makes of such a file; a setting that is empty is missing."""
    lines = ['schema = "circle"']
    for name, table in (("email", email), ("sms", sms)):
        if table is not None:
            lines.append(f"[{name}]")
            lines += [f"{key} = {value}" for key, value in table.items() if value]
    (folder / "node.toml").write_text("\n".join(lines))
    return read_config(folder, environment)


def wrong(
    folder: Path, email: dict[str, str] | None = None, sms: dict[str, str] | None = None
) -> str:
    """What it says of a file that it does not take."""
    with pytest.raises(BadSettings) as refused:
        read(folder, email, sms)
    return str(refused.value)


def test_without_the_tables_nothing_goes_out(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert (config.email, config.sms) == (None, None)


def test_the_tables_are_read_and_secrets_are_masked(tmp_path: Path) -> None:
    config = read(tmp_path, EMAIL, SMS)
    assert config.email is not None
    assert config.sms is not None
    assert (config.email.host, config.email.port, config.email.security) == (
        *("mail.example", 587),
        "starttls",
    )
    assert str(config.email.sender) == "Southwark Circle <circle@circle.example>"
    assert (config.email.user, config.email.password) == ("circle", "of-the-mail")
    assert config.sms.fields == (("from", "Southwark"),)
    assert config.sms.secret == "Bearer of-the-gateway"
    assert "of-the" not in repr(config)


def test_secrets_may_come_from_the_environment_instead(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        EMAIL | {"password": ""},
        SMS,
        TALLYD_EMAIL_PASSWORD="another",
        TALLYD_SMS_SECRET="Bearer another",
    )
    assert config.email is not None
    assert config.sms is not None
    assert (config.email.password, config.sms.secret) == ("another", "Bearer another")


def test_nothing_has_a_default_and_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    said = wrong(tmp_path, email={"user": '"circle"'}, sms={"header": '"Authorization"'})
    for part in (
        *("email.host is missing", "email.port is missing", "email.security is missing"),
        *("email.sender is missing", "email.user and email.password (TALLYD_EMAIL_PASSWORD) go"),
        *("sms.url is missing", "sms.to is missing", "sms.text is missing"),
        "sms.header and sms.secret (TALLYD_SMS_SECRET) go together",
    ):
        assert part in said
    assert "email.hots is no setting" in wrong(tmp_path, email=EMAIL | {"hots": "1"})
    (tmp_path / "node.toml").write_text('schema = "circle"\nemail = 1\nsms = "x"')
    with pytest.raises(BadSettings, match=r"email is no table of settings; sms is no table"):
        read_config(tmp_path, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("host", '""'), ("host", "1"), ("port", "0"), ("port", "65536"), ("port", "true")),
        *(("security", '"ssl"'), ("security", '"none"'), ("sender", '"circle"'), ("user", "1")),
        *(("sender", '"a <b@c.example>\\nBcc: d@e.example"'), ("password", '"a\\nb"')),
    ],
)
def test_a_wrong_mail_setting_is_named(tmp_path: Path, name: str, value: str) -> None:
    assert f"email.{name}" in wrong(tmp_path, email=EMAIL | {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("url", '"http://gateway.example/send"'), ("url", '"http://8.8.8.8/"'), ("url", "1")),
        *(("url", '"https://user:pass@gateway.example/"'), ("url", '"ftp://127.0.0.1/"')),
        *(("url", '"https://[1/"'), ("url", '"https://gateway.example:0/"'), ("to", '"a b"')),
        *(("text", '""'), ("header", '"A: b"'), ("secret", '"a\\r\\nb"'), ("fields", "{ a = 1 }")),
        ("fields", '"x"'),
    ],
)
def test_a_wrong_gateway_setting_is_named(tmp_path: Path, name: str, value: str) -> None:
    assert f"sms.{name}" in wrong(tmp_path, sms=SMS | {name: value})


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/send", "http://192.168.1.20:8080/send"])
def test_a_gateway_nearby_is_named_by_its_number(tmp_path: Path, url: str) -> None:
    config = read(tmp_path, None, SMS | {"url": f'"{url}"'})
    assert config.sms is not None
    assert config.sms.url == url


def test_mail_goes_without_encryption_to_this_very_computer_only(tmp_path: Path) -> None:
    near = EMAIL | {"security": '"none"', "host": '"localhost"'}
    assert read(tmp_path, near).email is not None


def test_every_setting_is_in_the_readme() -> None:
    """Those of a table in its example, the others by their names."""
    readme = (ROOT / "README.md").read_text()
    for table, names in (("email", EMAIL_SETTINGS), ("sms", SMS_SETTINGS)):
        example = readme.partition(f"    [{table}]\n")[2].partition("\n\n")[0]
        told = {line.strip().partition(" ")[0] for line in example.splitlines()}
        assert told == set(names)
    assert {*SETTINGS, *TABLES} == {"schema", "listen", "public_url", "email", "sms"}
    for name in ("public_url", "DATABASE_URL", *ENVIRONMENT[-2:]):
        assert name in readme


@pytest.mark.parametrize(
    ("written", "is_one"),
    [
        *(("mia@example.org", True), ("o'neil+x@mail.example.org", True), ("mia@localhost", True)),
        *(("mia", False), ("mia@", False), ("@example.org", False), ("a@b@c", False)),
        *(("Mia <mia@example.org>", False), ("a@b.org, c@d.org", False), ("a b@c.org", False)),
        *(("mia@exämple.org", False), (f"{'a' * 65}@b.org", False), ("a@b..org", False)),
        *(("a@b.org\n", False), ("", False)),
    ],
)
def test_one_plain_address_is_one_and_nothing_else_is(written: str, is_one: bool) -> None:
    assert is_mailbox(written) is is_one


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("020 7946 0018", "02079460018"),
        ("+44 (0)20 7946-0018", "+442079460018"),
        ("0044/20.7946.0018", "00442079460018"),
        *(
            ("1234", None),
            ("call Ben", None),
            ("", None),
            ("+" + "1" * 16, None),
            ("٠٢٠٧٩٤٦", None),
        ),
        ("020 7946 0018 after six", None),
    ],
)
def test_a_number_is_what_can_be_dialled(written: str, number: str | None) -> None:
    assert plain_number(written) == number
