"""The engine's side: its wire, which engine and model to use, leases on models, and sentence embedding."""
