"""The REST API: JSON and event streams under /api, one file per family of routes."""
