"""The stand-in engine: a process of its own that speaks the part of Ollama's HTTP this server uses."""
