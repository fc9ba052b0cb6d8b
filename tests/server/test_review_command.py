"""`routemem compress` and `routemem review`: a person does what the model can do."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Say = Callable[..., str]
LONG = (
    "The tide model was rewritten in March because a single run took nine hours. "
    "Everybody had hoped that a faster machine would be enough, but it was not so. "
    "There were long talks about it in the kitchen and on the way home in the evening. "
    "With the coarser grid a run takes 40 minutes, and the gauge in Ostend agrees within 3 cm. "
)


def test_what_is_worth_it_is_listed_compressed_and_comes_back(say: Say) -> None:
    id = json.loads(say("remember", LONG, "--json"))["id"]
    say("remember", "short")
    assert [one["id"] for one in json.loads(say("compress", "--json"))["candidates"]] == [id]
    (done,) = json.loads(say("compress", id, "--strategy", "aggressive", "--json"))["compressed"]
    assert done["after"] < done["before"]
    assert "1 compressed" in say("status")
    said = say("compress", id, "--summary", "A run takes 40 minutes since March.")
    assert "(model)" in said
    assert "A run takes 40 minutes since March." in say("recall", "--id", id)
    assert "`routemem forget ID --mode restore` shows it again" in said
    say("forget", id, "--mode", "restore")
    assert "1 compressed" not in say("status")


def test_a_text_larger_than_the_answer_is_listed_by_its_beginning(say: Say) -> None:
    say("remember", LONG * 60)
    told = say("compress")
    assert "1 memory worth compressing" in told
    assert "(part; all of it: routemem recall --id a-1)" in told


def test_a_review_proposes_and_does_only_what_is_decided(
    say: Say, refused: Say, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ROUTEMEM_NOW", "2026-03-01")
    long = json.loads(say("remember", LONG, "--json"))["id"]
    talk = json.loads(say("remember", "hello again", "--priority", "1", "--json"))["id"]
    monkeypatch.setenv("ROUTEMEM_NOW", "2026-04-20")
    told = json.loads(say("review", "--focus", "stale", "--json"))["proposals"]
    assert {one["id"]: one["action"] for one in told} == {long: "COMPRESS", talk: "DELETE"}
    assert "--follow does what is proposed" in say("review")
    assert "nothing was changed" in say("review", "--focus", "stale", "--follow", "--dry-run")
    assert "2 active" in say("status")
    decided = tmp_path / "decided.json"
    decided.write_text(f'```json\n[{{"id": "{long}", "action": "keep"}}]\n```')
    assert f"{long} KEEP applied" in say("review", "--actions", str(decided))
    done = json.loads(say("review", "--focus", "stale", "--follow", "--json"))["outcomes"]
    assert {one["id"]: one["status"] for one in done} == {talk: "applied"}  # the other was kept
    say("forget", talk, "--mode", "restore")
    decided.write_text(f'[{{"id": "{talk}", "action": "delete"}}]')
    undo = say("review", "--actions", str(decided)).splitlines()[-1]
    assert undo == f"Undo: `routemem forget {talk} --mode restore`."
    say(*undo.split("`")[1].split()[1:])
    assert refused("review", "--actions", "nowhere.json").startswith("routemem: not_found:")
    monkeypatch.setenv("ROUTEMEM_READ_ONLY", "1")
    assert refused("review", "--follow").startswith("routemem: not_allowed:")
