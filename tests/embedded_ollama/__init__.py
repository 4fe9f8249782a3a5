"""Tests of the stand-in engine's parts and of its life as a process."""
