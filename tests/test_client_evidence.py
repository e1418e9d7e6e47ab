"""``tally verify-evidence``: what somebody was handed, checked without a node or a key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from client.cli.tally import run_tally
from ledger.federation.evidence_file import FILE_BYTES_MAX, write_evidence_file
from ledger.federation.proof import (
    Claims,
    Dispute,
    Evidence,
    Heads,
    Verdicts,
    encode_evidence,
)
from tests.link_talk import EXETER, LUTON, certificate_of, id_of
from tests.vectors.federation_evidence import LEAVES, head, honest_samples, valid_samples, vkey_of

SAMPLES = dict(valid_samples())


def write(path: Path, *evidence: Evidence) -> str:
    """A file of evidence, by its name."""
    path.write_text(write_evidence_file([encode_evidence(each) for each in evidence]))
    return str(path)


@pytest.mark.parametrize(
    "evidence", [pytest.param(each, id=name) for name, each in SAMPLES.items()]
)
def test_what_a_proof_proves_is_said_in_a_sentence(
    evidence: Evidence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 0 says that somebody is convicted. A device's keys are not looked for."""
    name = write(tmp_path / "proof.json", evidence)
    home = tmp_path / "nothing here"
    status = run_tally(["--home", str(home), "verify-evidence", name])
    told = capsys.readouterr()
    assert told.err == ""
    assert ".example" in told.out or "the key" in told.out
    assert not home.exists()
    run_tally(["verify-evidence", "--json", name])
    fields = json.loads(capsys.readouterr().out)
    assert fields["ok"] is (status == 0)
    [finding] = fields["findings"]
    assert finding["says"] == told.out.splitlines()[0]
    assert finding["convicted"] is (finding["about"] not in ("received", "dispute", "past"))
    assert finding["circle"] in told.out


def test_several_pieces_convict_if_all_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = SAMPLES["Two heads of one size."], SAMPLES["Committed, and refused."]
    assert run_tally(["verify-evidence", write(tmp_path / "both", *both)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6
    [dispute] = [each for each in SAMPLES.values() if isinstance(each, Dispute)][:1]
    assert run_tally(["verify-evidence", write(tmp_path / "three", *both, dispute)]) == 1
    assert "does not say which" in capsys.readouterr().out


def test_bad_file_is_told_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "proof.json"
    good = write(path, SAMPLES["Two heads of one size."])
    text = path.read_text()
    for content, expected in (
        (text.replace("evidence/1", "evidence/2").encode(), "is no file of evidence"),
        (b"\xff", "is no file of evidence: it is not JSON."),
        (b"x" * (FILE_BYTES_MAX + 1), "is no file of evidence: it has more than"),
        (b'{"tallystick": "evidence/1", "evidence": ["AAAA"]}', "a part of it is damaged"),
    ):
        path.write_bytes(content)
        assert run_tally(["verify-evidence", good]) == 1
        told = capsys.readouterr()
        assert told.out == ""
        assert expected in told.err
        assert told.err.count("\n") == 1
    for missing in (tmp_path / "missing", tmp_path):
        assert run_tally(["verify-evidence", str(missing)]) == 1
        assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    "evidence", [pytest.param(each, id=shows) for shows, each in honest_samples()]
)
def test_what_contradicts_nothing_proves_nothing(
    evidence: Evidence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_tally(["verify-evidence", write(tmp_path / "proof.json", evidence)]) == 1
    assert " proves nothing: " in capsys.readouterr().err


def test_proof_with_another_signature_was_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claims = SAMPLES["Two accounts of the same messages."]
    assert isinstance(claims, Claims)
    changed = claims._replace(who=claims.who._replace(signature=bytes(64)))
    assert run_tally(["verify-evidence", write(tmp_path / "proof.json", changed)]) == 1
    assert "was changed or made up" in capsys.readouterr().err


def test_two_heads_that_a_device_kept_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file in which a member's device keeps a rewritten history has another form."""
    heads = SAMPLES["Two heads of one size."]
    assert isinstance(heads, Heads)
    path = tmp_path / "evidence.json"
    record = {
        "what": "rewritten",
        "log_key": vkey_of(EXETER).decode(),
        "known": heads.first.decode(),
        "shown": heads.second.decode(),
    }
    path.write_text(json.dumps(record))
    assert run_tally(["verify-evidence", str(path)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("The log exeter.example/log signed two different histories")
    assert vkey_of(EXETER).decode() in told
    assert id_of(EXETER).hex() not in told
    path.write_text(json.dumps(record | {"shown": head(EXETER, LEAVES).decode()}))
    assert run_tally(["verify-evidence", str(path)]) == 1
    assert "a log that grows has heads of many sizes" in capsys.readouterr().err
    for odd in ({"log_key": 3}, {"known": "\ud800"}, {"shown": ""}):
        path.write_text(json.dumps(record | odd))
        assert run_tally(["verify-evidence", str(path)]) == 1
        assert capsys.readouterr().err.count("\n") == 1


def test_two_verdicts_that_a_device_kept_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it keeps them when another circle denies a payment that its COMMIT was shown for."""
    verdicts = SAMPLES["Committed, and refused."]
    assert isinstance(verdicts, Verdicts)
    path = tmp_path / "evidence.json"
    record = {
        "what": "two accounts of one payment between circles",
        "header": verdicts.header.hex(),
        "commit": verdicts.first.signed.hex(),
        "decider_status": verdicts.second.signed.hex(),
    }
    path.write_text(json.dumps(record))
    assert run_tally(["verify-evidence", str(path)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("The circle that was paid into signed that a payment")
    assert certificate_of(LUTON).decision.hex() in told
    for odd in ({"commit": None}, {"commit": "no"}, {"header": "00"}, {"commit": 64 * "00"}):
        path.write_text(json.dumps(record | odd))
        assert run_tally(["verify-evidence", str(path)]) == 1
        assert capsys.readouterr().err.count("\n") == 1
