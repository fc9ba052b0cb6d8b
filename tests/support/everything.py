"""The SDK's fixtures for the conformance suite on a server of our class, behind our guard.

Run as ``python everything.py FIXTURES FOLDER``: prints the port it serves on. A program of its own,
since it puts our class in the place of the SDK's before the fixtures are imported.
"""

import asyncio
import sys
from pathlib import Path

import mcp.server
import mcp.server.mcpserver
from http_server import bringing, new_token

from routemem.memory_core.settings import Settings
from routemem.server.app import build_calls, build_rest_tools
from routemem.server.http import Served, http_server
from routemem.server.surface import Surface
from routemem.server.web.address import Address, listen
from routemem.server.web.metrics import Metrics

#: Its schema has references, which hosts refuse; so does our class. The one scenario that wants it
#: is not scored.
REFUSED = "json_schema_2020_12_tool"


def main(fixtures: Path, folder: Path) -> None:
    """Serve until the process is ended."""
    token = new_token(folder, "suite", "user:suite")
    settings = Settings(
        data_dir=str(folder / "data"),
        keyring=False,
        http_rate=1e6,
        http_burst=10**6,
        http_share=100,
    )
    mcp.server.MCPServer = mcp.server.mcpserver.MCPServer = Surface  # type: ignore[assignment,misc]  # what is under test
    sys.path.insert(0, str(fixtures))
    from mcp_everything_server.server import mcp as server  # type: ignore[import-not-found]  # not installed

    server.remove_tool(REFUSED)
    calls = build_calls(settings)
    address = Address("127.0.0.1", 0)
    listening = listen(address)
    served = Served(settings, calls, server, build_rest_tools(settings, calls))
    http = http_server(served, Metrics(0.0), listening, address)
    http.config.app = bringing(token, http.config.app)
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    asyncio.run(http.serve([listening]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
