"""HTTP: the only floor that knows Litestar."""
