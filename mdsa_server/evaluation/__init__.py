"""Measuring on recorded and labelled data what the server decides."""
