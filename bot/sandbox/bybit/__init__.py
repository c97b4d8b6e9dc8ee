"""The Bybit v5 protocol (REST and WebSocket) in front of the sandbox engine."""
