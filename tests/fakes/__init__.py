"""Stand-ins for what the server talks to; they fake the wire, never the class."""
