"""Computes without end, in four processes."""
import os

def run(input, ctx):
    for _ in range(3):
        if os.fork() == 0:
            break
    while True:
        pass
