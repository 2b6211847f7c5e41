"""Executes the checks of scim2-tester, and prints each result as one line of JSON.

Arguments: host and port of the server. Standard input: an API key.
"""

import http.client
import json
import sys
from urllib.parse import urlencode

from scim2_client.client import BaseSyncSCIMClient
from scim2_client.engines.inprocess import InProcessResponse
from scim2_tester import check_server

ROOT = "/scim/v2"


class Client(BaseSyncSCIMClient):
    """Client on the standard library, with a connection for each request."""

    def __init__(self, address, key):
        super().__init__()
        self.address = address
        self.key = key

    def request(self, method, url, params=None, json=None, content=None, headers=None):
        body = content if json is None else encode(json)
        headers = {**(headers or {}), "Authorization": f"Bearer {self.key}"}
        if body is not None:
            headers = {"Content-Type": "application/scim+json", **headers}
        query = f"?{urlencode(params, doseq=True)}" if params else ""
        connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            connection.request(method, f"{ROOT}{url}{query}", body, headers)
            response = connection.getresponse()
            return InProcessResponse(response.status, response.headers, response.read())
        finally:
            connection.close()

    def _parse_json(self, response):
        return response.json()


def encode(value):
    return json.dumps(value).encode()


def described(result):
    attribute = result.data.get("urn") if isinstance(result.data, dict) else None
    name = " ".join(part for part in (result.resource_type, result.title, attribute) if part)
    return {"name": name, "status": result.status.name, "reason": result.reason or ""}


def main():
    [_, address] = sys.argv
    client = Client(address, sys.stdin.read().strip())
    for result in check_server(client):
        print(json.dumps(described(result)))


main()
