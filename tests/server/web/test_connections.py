"""Places for connections: who says nothing, or takes many, keeps nobody else out."""

import contextlib
import socket
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from http_server import Asking, local_server, new_token
from hypothesis import given
from hypothesis import strategies as st

from routemem.server.web.connections import Connections


@dataclass(eq=False)
class Wire:
    """A connection without a socket."""

    address: str = "192.0.2.1"
    busy: bool = False
    open: bool = True

    def leave(self) -> None:
        self.open = False


def test_strangers_have_half_of_the_places_and_the_one_that_waits_longest_goes() -> None:
    house = Connections(8)
    wires = [Wire() for _ in range(6)]
    for wire in wires:
        house.came(wire)
    assert [wire.open for wire in wires] == [False, False, True, True, True, True]
    assert len(house) == 4


def test_of_many_addresses_the_one_with_most_strangers_gives_way() -> None:
    house = Connections(8)
    quiet = Wire("198.51.100.7")
    house.came(quiet)
    for _ in range(20):
        house.came(Wire())
    assert quiet.open


def test_a_token_has_half_of_the_places_and_its_longest_unused_goes() -> None:
    house = Connections(8)
    wires = [Wire() for _ in range(5)]
    for wire in wires[:4]:
        house.came(wire)
        assert house.let_in(wire, "ana")
    wires[0].busy = True
    assert house.let_in(wires[1], "ana")  # used once more
    house.came(wires[4])
    assert house.let_in(wires[4], "ana")
    assert [wire.open for wire in wires] == [True, True, False, True, True]


def test_a_token_whose_connections_are_all_busy_gets_no_other() -> None:
    house = Connections(8)
    for _ in range(4):
        wire = Wire(busy=True)
        house.came(wire)
        assert house.let_in(wire, "ana")
    late = Wire()
    house.came(late)
    assert not house.let_in(late, "ana")
    assert house.let_in(late, "bob")


def test_who_gave_way_is_not_let_in_any_more() -> None:
    house = Connections(4)
    first, *others = (Wire() for _ in range(3))
    for wire in (first, *others):
        house.came(wire)
    assert not first.open
    assert not house.let_in(first, "ana")
    assert len(house) == 2


@given(
    most=st.integers(4, 12),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["came", "let_in", "gone", "busy", "idle"]),
            st.integers(0, 30),
            st.sampled_from(["a", "b", "c"]),
        ),
        max_size=80,
    ),
)
def test_whatever_happens_nobody_has_more_than_half(
    most: int, steps: list[tuple[str, int, str]]
) -> None:
    house, wires = Connections(most), list[Wire]()
    known: dict[Wire, str] = {}
    for what, which, who in steps:
        if what == "came":
            wires.append(Wire(who))
            house.came(wires[-1])
        elif wires:
            wire = wires[which % len(wires)]
            if what == "let_in" and house.let_in(wire, who):
                assert wire.open
                known[wire] = who
            elif what == "gone":
                wire.open = False
                house.gone(wire)
            elif what in ("busy", "idle"):
                wire.busy = what == "busy"
        there = [wire for wire in wires if wire.open]
        assert len(there) == len(house) <= most
        held = Counter(known.get(wire, "") for wire in there)
        assert all(count <= most // 2 for count in held.values())


# ----------------------------------------------------------------------------- real sockets


def silent(server: Asking, sent: bytes, count: int, kept: contextlib.ExitStack) -> None:
    """Open so many connections that send this and then nothing."""
    for _ in range(count):
        wire = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        kept.enter_context(wire)
        with contextlib.suppress(OSError):  # it gave way already
            wire.sendall(sent)


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nhost: x"])
def test_who_opens_connections_and_says_nothing_keeps_nobody_out(
    tmp_path: Path, sent: bytes
) -> None:
    token = new_token(tmp_path, "ana", "user:ana")
    with local_server(tmp_path) as server, contextlib.ExitStack() as kept:
        for _ in range(3):
            silent(server, sent, 150, kept)
            assert server.ask("/health", token).status_code == 200


def test_a_token_that_keeps_all_its_connections_keeps_no_other_out(tmp_path: Path) -> None:
    greedy, other = (new_token(tmp_path, name, "user:ana") for name in ("greedy", "other"))
    with local_server(tmp_path, ROUTEMEM_HTTP_BURST="1000", ROUTEMEM_HTTP_TIMEOUT="60") as server:
        head = f"host: localhost:{server.port}\r\nauthorization: Bearer {greedy}\r\n"
        unfinished = f"POST /mcp HTTP/1.1\r\n{head}content-length: 9\r\n\r\n{{".encode()
        with contextlib.ExitStack() as kept:
            silent(server, unfinished, 300, kept)
            answer = server.ask("/health", greedy)
            assert (answer.status_code, answer.json()["error"]) == (503, "too_many_connections")
            assert server.ask("/health", other).status_code == 200
