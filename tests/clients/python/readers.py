"""Reads the events of a session with the library that the argument names, and prints the number of
each. It ends at status 204.
"""

import json
import os
import subprocess
import sys
import time

import httpx
import requests
import sseclient
from httpx_sse import connect_sse

URL = os.environ["AH_TEST_STREAM"]
HEADERS = {"Authorization": f"ApiKey {os.environ['AH_TEST_KEY']}"}


def take(data):
    print(json.loads(data)["seq"], flush=True)


def with_httpx_sse(headers):
    with httpx.Client(timeout=30) as client, connect_sse(client, "GET", URL, headers=headers) as source:
        if source.response.status_code == 204:
            return None
        for frame in source.iter_sse():
            if frame.data:
                yield frame.id, frame.data
        return True


def with_sseclient(headers):
    response = requests.get(URL, headers=headers, stream=True, timeout=30)
    if response.status_code == 204:
        return None
    for frame in sseclient.SSEClient(response).events():
        yield frame.id, frame.data
    return True


def with_curl(headers):
    words = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    command = ["curl", "--silent", "--no-buffer", "--fail", "--write-out", "%{http_code}", *words, URL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as curl:
        number = ""
        for line in curl.stdout:
            if line.startswith("id: "):
                number = line[4:].strip()
            elif line.startswith("data: "):
                yield number, line[6:]
            elif line.strip() == "204":
                return None
    return True


reader = {"httpx-sse": with_httpx_sse, "sseclient-py": with_sseclient, "curl": with_curl}[sys.argv[1]]
last = "0"
while True:
    frames = reader({**HEADERS, "Last-Event-ID": last})
    try:
        while True:
            number, data = next(frames)
            last = number or last
            take(data)
    except StopIteration as end:
        if end.value is None:
            break
    except (httpx.HTTPError, requests.RequestException):
        time.sleep(0.2)
