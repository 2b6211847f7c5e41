"""Expected refusals."""

import unittest
from collections.abc import Iterator
from contextlib import contextmanager

import grpc


@contextmanager
def refused(test: unittest.TestCase, code: grpc.StatusCode, message: str) -> Iterator[None]:
    """Expects that the server refuses a request with this code and a message that contains this text."""
    with test.assertRaises(grpc.RpcError) as caught:
        yield
    test.assertEqual(caught.exception.code(), code, caught.exception.details())
    test.assertIn(message, caught.exception.details())
