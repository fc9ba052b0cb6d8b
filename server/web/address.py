"""Where the HTTP server listens."""

import ipaddress
import socket
from dataclasses import dataclass

from routemem.memory_core.errors import InvalidArgument


@dataclass(frozen=True)
class Address:
    """Where to listen, and under which names.

    Attributes:
        host: a numeric address or ``localhost``.
        port: 0 for one that is free.
        hosts: further accepted values of Host.
        origins: further accepted values of Origin.
        exposed: whether it may be reached from other machines.
    """

    host: str
    port: int
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    exposed: bool = False

    def check(self) -> None:
        """Refuse to be reachable by accident.

        Raises:
            InvalidArgument: the address is not of this machine alone and that was not asked for.
        """
        if is_loopback(self.host):
            return
        if not self.exposed or not self.hosts:
            raise InvalidArgument(
                f"--host {self.host} can be reached from other machines, and this server speaks no "
                "TLS. Put a proxy with TLS in front of 127.0.0.1; or, where the network itself is "
                "safe, add --expose and the names clients use: --allow-host memory.example.org"
            )


def is_loopback(host: str) -> bool:
    """Whether an address can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(address: Address) -> socket.socket:
    """A socket that listens; clients may connect from here on.

    Raises:
        InvalidArgument: the address cannot be had.
    """
    address.check()
    host = "127.0.0.1" if address.host == "localhost" else address.host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, address.port), family=family, backlog=256)
    except (OSError, OverflowError) as error:
        raise InvalidArgument(
            f"Nobody can listen on {address.host}:{address.port} ({error}). Choose another --port, "
            "or 0 for a free one."
        ) from error


def own_names(port: int) -> list[str]:
    """What clients of this machine send as Host."""
    names = ("127.0.0.1", "localhost", "[::1]")
    return [f"{name}:{port}" for name in names] + (list(names) if port == 80 else [])
