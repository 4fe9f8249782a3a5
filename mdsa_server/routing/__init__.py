"""From what routers think to one decision; pure."""
