"""`routemem token`: made, listed and revoked from a shell."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

Say = Callable[..., str]


def test_a_token_is_shown_once_and_listed_without_its_secret(say: Say) -> None:
    made = json.loads(say("token", "create", "laptop", "--scope", "user:ana,project:*", "--json"))
    assert made["token"].startswith("rtm_")
    listed = say("token", "list")
    assert "laptop: may read and write user:ana, project:*; until " in listed
    assert made["token"] not in listed + say("token", "list", "--json")


def test_the_terminal_gets_the_secret_and_how_to_send_it(say: Say) -> None:
    said = say("token", "create", "guest", "--scope", "user:ana", "--read-only", "--days", "0")
    assert "guest: may read user:ana; no end" in said
    assert "shown once" in said
    assert "Authorization: Bearer" in said


def test_a_revoked_token_is_gone_from_the_list(say: Say) -> None:
    say("token", "create", "laptop", "--scope", "*")
    assert "refused from the next request on" in say("token", "revoke", "laptop")
    assert say("token", "list") == "No tokens.\n"


def test_a_token_without_a_scope_is_refused_with_an_example(refused: Say) -> None:
    assert "--scope user:ana" in refused("token", "create", "laptop")
    assert "needs a name" in refused("token", "create")
    assert "No token 'x'" in refused("token", "revoke", "x")


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_the_data_folder_is_made_private(say: Say, own_folder: Path) -> None:
    say("token", "create", "laptop", "--scope", "user:ana")
    assert stat.S_IMODE((own_folder / "data").stat().st_mode) == 0o700
