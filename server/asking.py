"""Whether the client can put a question to its user in the middle of a call."""

from typing import Any

from mcp.server.mcpserver import Context


def can_ask(ctx: Context[Any, Any]) -> bool:
    """Whether the client said that it can ask by form; one that says only ``{}`` can, too.

    A question to a client that cannot would fail the whole call, and the model would see nothing.
    """
    try:
        capabilities = ctx.client_capabilities
    except ValueError:  # no request of the protocol: a REST route calls the tool
        return False
    asks = capabilities.elicitation if capabilities is not None else None
    return asks is not None and (asks.form is not None or asks.url is None)
