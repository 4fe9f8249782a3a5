"""One conformance suite of the engine's wire, run against every engine there is."""
