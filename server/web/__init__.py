"""What only the HTTP transports need: tokens, the guard in front of every route, and routes."""
