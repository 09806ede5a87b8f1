"""The built-in chat model: no weights, no network; question → reading → tool calls → wording."""
