"""What finds plugins, loads them, and keeps their faults from spreading."""
