"""Prints without end."""
def run(input, ctx):
    while True:
        print("x" * 1000)
