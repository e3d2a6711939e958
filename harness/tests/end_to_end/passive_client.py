#!/usr/bin/env python3
"""A device that connects to the one server that it knows: passive_client.py PORT ROOTS."""

from __future__ import annotations

import socket
import ssl
import sys

context = ssl.create_default_context(cafile=sys.argv[2])
try:
    with context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))),
                             server_hostname="server.shakedown.test") as tls:
        tls.sendall(b"telemetry\n")
        tls.unwrap()
except OSError:
    pass
