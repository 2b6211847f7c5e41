"""Types of the code in `python` steps.

The module exists only where steps are executed. For an editor or a type checker, put this file beside your code:

    from smbcopilot import Context

    def run(input: dict, ctx: Context) -> dict:
        ctx.log("started", attempt=ctx.attempt)
        return {"ok": True}
"""

import logging
from collections.abc import Mapping
from typing import Any

class Context:
    """Second argument of `run`."""

    attempt: int
    """Number of the attempt, starting at 1."""

    idempotency_key: str
    """Key that is the same for all attempts of this step, or of this item of a `forEach`, in this run."""

    secrets: dict[str, Mapping[str, str]]
    """Values of the Secrets in `spec.secrets`, by name and key: `ctx.secrets["erp"]["token"]`."""

    log: Log
    """Log of the step: call it like `print`, or use the methods of `logging.Logger`."""

    def progress(self, fraction: float, message: str = "") -> None:
        """Reports the completed fraction of the step, from 0 to 1, with a message of at most 2,000 characters."""

class Log(logging.Logger):
    """Log of the step."""

    def __call__(self, /, *values: Any, **fields: Any) -> None:
        """Writes the values, separated by spaces, and the fields as `name=value` in one line. Never raises."""
