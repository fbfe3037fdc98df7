"""Whether a database server can be reached at all: MLflow itself would try for a quarter of an hour."""

import socket
from urllib.parse import urlsplit

from edm_core.errors import StoreError

CONNECT_SECONDS = 5.0
_PORTS = {"postgresql": 5432, "postgres": 5432, "mysql": 3306, "mssql": 1433}


def check_database_server(uri: str) -> None:
    """Raise StoreError when nothing listens where a database URI says; other URIs, and local sockets, pass."""
    parts = urlsplit(uri)
    port = _PORTS.get(parts.scheme.partition("+")[0])
    if port is None or not parts.hostname:
        return
    address = (parts.hostname, parts.port or port)
    try:
        socket.create_connection(address, timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise StoreError(
            f"no database answers at {address[0]}:{address[1]}: {error.strerror or error}",
            "Is it up, and [tracking] uri in edm.toml right?",
        ) from error
