"""REST: plain HTTP routes over the tools, for programs that speak no MCP."""
