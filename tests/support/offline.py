"""Makes Python processes refuse the network, children included."""

import os
from pathlib import Path

#: Imported by Python as it starts, when its folder is on PYTHONPATH.
SITECUSTOMIZE = """
import os, socket

LOOPBACK = {"localhost", "127.0.0.1", "::1", "", None}

def refuse(what):
    with open(os.environ["NETWORK_LOG"], "a") as log:
        log.write(f"{what}\\n")
    raise OSError(f"no network in this test: {what}")

def guarded(real):
    def connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
            refuse(address)
        return real(self, address)
    return connect

def getaddrinfo(host, *args, real=socket.getaddrinfo, **named):
    return real(host, *args, **named) if host in LOOPBACK else refuse(host)

socket.socket.connect = guarded(socket.socket.connect)
socket.socket.connect_ex = guarded(socket.socket.connect_ex)
socket.getaddrinfo = getaddrinfo
"""


def no_network(folder: Path) -> dict[str, str]:
    """Environment under which Python reaches nobody; every attempt is a line of ``network.log``."""
    guard = folder / "guard"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(SITECUSTOMIZE, "utf-8")
    path = os.pathsep.join(filter(None, [str(guard), os.environ.get("PYTHONPATH")]))
    return {"PYTHONPATH": path, "NETWORK_LOG": str(folder / "network.log")}
