"""Conversions between the messages of the protocol and the values of the engine."""
