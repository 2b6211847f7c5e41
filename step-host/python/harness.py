"""Python interpreter of a step host, which forks a process for each step.

step-host starts it with a SOCK_SEQPACKET socket as standard input. Each message on the socket carries three file
descriptors: the step's channel, its standard output and its standard error. The child is forked twice, so that it
becomes an orphan whose parent is step-host, which reads its exit status. The code and input of a step are sent over
its own channel. This process never receives them, so that steps cannot find data of other steps.

Messages on a channel consist of their length as 4 bytes in big-endian order and a JSON object with one key. The child
sends `hello` with its PID, waits for the start message, and then sends `progress` any number of times and at most one
of `result`, `exception`, `badOutput`. Without one of these, the exit status determines the outcome.
"""

import gc
import importlib
import json
import linecache
import logging
import os
import signal
import socket
import struct
import sys
import threading
import traceback
import types

# Modules that most steps import. Steps need no time for modules that are loaded here.
import base64, collections, csv, dataclasses, datetime, decimal, enum, fractions, functools  # noqa: E401, F401
import hashlib, hmac, html, io, itertools, math, random, re, statistics, string, textwrap  # noqa: E401, F401
import time, typing, unicodedata, urllib.parse, uuid, zoneinfo  # noqa: E401, F401

STEP_FILE = "step.py"
SEND_LOCK = threading.Lock()  # threads of a step may report progress at the same time
MAX_OUTPUT_BYTES = 16 * 1024 * 1024 - 1024  # a frame has 16 MiB, of which step-host needs the rest
# A run's status must have room for 64 failed steps. The step's log has the full texts.
MAX_MESSAGE_CHARS = 2 * 1024
MAX_TRACEBACK_CHARS = 4 * 1024


def preload(names):
    """Imports the modules that the workflow's steps name. A failed import fails again, with its message, in the step."""
    for name in filter(None, names.split(",")):
        try:
            importlib.import_module(name)
        except Exception as error:
            print(f"failed to preload {name}: {error!r}", file=sys.stderr)


def serve(control):
    """Forks a process for each message on the control socket until step-host closes it."""
    gc.collect()
    gc.freeze()  # memory pages stay shared with the children
    control.send(b"ready")
    while True:
        message, fds, _, _ = socket.recv_fds(control, 16, 3)
        if not message:
            return
        try:
            fork_step(control, *fds)
        finally:
            for fd in fds:
                os.close(fd)


def fork_step(control, channel, stdout, stderr):
    """Forks the process of a step through an intermediate one. Reports a failure on the channel."""
    try:
        intermediate = os.fork()
        if intermediate == 0:
            run_intermediate(control, channel, stdout, stderr)
        _, status = os.waitpid(intermediate, 0)
        if status != 0:
            raise OSError(f"the intermediate process ended with status {status}")
    except OSError as error:
        with socket.socket(fileno=os.dup(channel)) as failed:
            send(failed, {"failed": f"failed to fork: {error}"})


def run_intermediate(control, channel, stdout, stderr):
    """Forks the process of the step and exits, so that the process becomes an orphan."""
    try:
        if os.fork() != 0:
            os._exit(0)
    except OSError as error:
        os._exit(error.errno or 1)
    try:
        control.close()
        run_step(socket.socket(fileno=channel), stdout, stderr)
    finally:
        os._exit(1)


def run_step(channel, stdout, stderr):
    """Executes a step in this process, reports its result and exits."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (stdout, 1), (stderr, 2)):
        os.dup2(source, target)
        os.close(source)
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    pid = os.getpid()
    send(channel, {"hello": pid})
    start = receive(channel)
    os.environ.clear()
    os.environ.update(start["env"])
    os.chdir(start["workDir"])
    code = 0
    try:
        report = {"result": call(start, Context(channel, start))}
        encoded = encode(report)
    except SystemExit as error:
        encoded, code = None, exit_code(error.code)
    except InvalidOutput as error:
        encoded = encode({"badOutput": str(error)})
    except BaseException as error:
        described = describe(error)
        print_safely(described["traceback"] or described["message"])
        described["message"] = shorten(described["message"])
        described["traceback"] = shorten_start(described["traceback"])
        encoded, code = encode({"exception": described}), 1
    if os.getpid() != pid:
        os._exit(code)  # a fork of the step that returned from `run` must not report
    flush()
    if encoded is not None:
        send_encoded(channel, encoded)
    os._exit(code)  # without waiting for threads or exit handlers of the step


def call(start, context):
    """Executes the code of the step and returns the value of its function `run`."""
    code = start["code"]
    linecache.cache[STEP_FILE] = (len(code), None, code.splitlines(True), STEP_FILE)
    module = types.ModuleType("step")
    module.__file__ = STEP_FILE
    sys.modules["step"] = module
    sys.modules["smbcopilot"] = api_module()
    exec(compile(code, STEP_FILE, "exec", dont_inherit=True), module.__dict__)
    run = getattr(module, "run", None)
    if not callable(run):
        raise NameError("the code defines no function run(input, ctx)")
    return run(start["input"], context)


def api_module():
    """Returns the module `smbcopilot`, which code imports to annotate its arguments. `smbcopilot.pyi` describes it."""
    module = types.ModuleType("smbcopilot")
    module.Context, module.Log = Context, Log
    return module


class Context:
    """Second argument of `run`: attempt, idempotency key, secrets, log and progress."""

    def __init__(self, channel, start):
        meta = start["meta"]
        self._channel = channel
        self.attempt = meta["attempt"]
        self.idempotency_key = meta["idempotencyKey"]
        self.secrets = {name: types.MappingProxyType(values) for name, values in start["secrets"].items()}
        self.log = Log("step")

    def progress(self, fraction, message=""):
        """Reports the completed fraction of the step, from 0 to 1."""
        fraction = float(fraction)
        fraction = min(max(fraction, 0.0), 1.0) if fraction == fraction else 0.0  # NaN is not JSON
        send(self._channel, {"progress": {"fraction": fraction, "message": shorten(printable(str(message)))}})


class Log(logging.Logger):
    """Logger of the standard library that can also be called directly, like `print`: `ctx.log("paid", amount=7)`."""

    def __init__(self, name):
        super().__init__(name)
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        self.addHandler(handler)

    def __call__(self, /, *values, **fields):
        """Writes the values and fields as one line of text. A failure to do so must not fail the step: it is ignored."""
        try:
            words = [show(value, str) for value in values]
            words += [f"{name}={show(value, repr)}" for name, value in fields.items()]
            self.info("%s", " ".join(words))
        except Exception:
            pass  # the step has changed the logger


def show(value, convert):
    """Returns the text of a value, or its type if it has none."""
    try:
        return convert(value)
    except Exception:
        return f"<{type(value).__name__} without a text>"


class InvalidOutput(Exception):
    """The return value is not JSON or is too large."""


def encode(message):
    """Returns a message as a frame."""
    try:
        text = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        body = text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidOutput(f"the return value is not JSON: {error}") from None
    if len(body) > MAX_OUTPUT_BYTES:
        raise InvalidOutput(f"the return value has {len(body)} bytes; at most {MAX_OUTPUT_BYTES} are allowed")
    return struct.pack(">I", len(body)) + body


def send(channel, message):
    """Sends a message on the channel."""
    send_encoded(channel, encode(message))


def send_encoded(channel, frame):
    """Sends a frame on the channel."""
    with SEND_LOCK:
        channel.sendall(frame)


def receive(channel):
    """Waits for a message on the channel."""
    (length,) = struct.unpack(">I", receive_exactly(channel, 4))
    return json.loads(receive_exactly(channel, length))


def receive_exactly(channel, length):
    """Returns this number of bytes from the channel. Exits if it is closed before."""
    data = bytearray()
    while len(data) < length:
        chunk = channel.recv(min(length - len(data), 1 << 20))
        if not chunk:
            os._exit(1)  # step-host has abandoned the step before its start
        data += chunk
    return bytes(data)


def describe(error):
    """Returns type, message and traceback of an exception. The traceback starts in the code of the step."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    entry = error.__traceback__
    while entry is not None and entry.tb_frame.f_code.co_filename != STEP_FILE:
        entry = entry.tb_next
    try:
        message = str(error)
        lines = "".join(traceback.format_exception(kind, error, entry))
    except Exception:
        message, lines = f"<{name} whose message cannot be formatted>", ""
    return {
        "type": shorten(printable(name)),
        "message": printable(message),
        "traceback": printable(lines),
    }


def printable(text):
    """Escapes characters that UTF-8 cannot encode."""
    return text.encode("utf-8", "backslashreplace").decode()


def shorten(text):
    """Shortens a message to its beginning."""
    limit = MAX_MESSAGE_CHARS
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters; see the step's log)"


def shorten_start(text):
    """Shortens a traceback to its end."""
    limit = MAX_TRACEBACK_CHARS
    return text if len(text) <= limit else f"({len(text)} characters; see the step's log) …{text[-limit:]}"


def print_safely(text):
    """Prints to standard error, unless the step has closed it."""
    try:
        print(text, file=sys.stderr)
    except (OSError, ValueError, AttributeError):
        pass  # the step has closed or replaced it


def exit_code(code):
    """Returns the exit code for the argument of `sys.exit`, as the interpreter does."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def flush():
    """Flushes standard output and standard error."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # the step has closed or replaced it


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])  # step-host blocks signals, and child processes inherit that
    preload(sys.argv[1] if len(sys.argv) > 1 else "")
    try:
        serve(socket.socket(fileno=os.dup(0)))
    except ConnectionError:
        pass  # step-host has exited
