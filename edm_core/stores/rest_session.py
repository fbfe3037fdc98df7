"""The way into an MLflow server: token, user and certificates, from MLflow's own environment variables and file."""

import configparser
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edm_core.errors import StoreError
from edm_core.stores.mlflow_client import SET_HERE
from edm_core.stores.redact import brief_reason

if TYPE_CHECKING:
    import requests


ANSWER_SECONDS = 10.0
"""For the first byte and between any two."""


def answer_seconds() -> float:
    """How long an answer may take: as MLFLOW_HTTP_REQUEST_TIMEOUT says, where the user has set it."""
    name = "MLFLOW_HTTP_REQUEST_TIMEOUT"
    given = os.environ.get(name, "")
    if given == SET_HERE.get(name):
        return ANSWER_SECONDS
    return float(given) if given.replace(".", "", 1).isdigit() and float(given) > 0 else ANSWER_SECONDS


def needs_mlflow() -> bool:
    """Whether the user has set up a way in that only MLflow itself knows."""
    return bool(os.environ.get("MLFLOW_TRACKING_AUTH") or _truth("MLFLOW_TRACKING_AWS_SIGV4"))


def new_session() -> "requests.Session":
    """A session that keeps connections and has what the server asks for. Raises StoreError."""
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    session.headers["User-Agent"] = "edm-tui"
    adapter = HTTPAdapter(pool_maxsize=8)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    token, name, password = os.environ.get("MLFLOW_TRACKING_TOKEN"), *_credentials()
    # As MLflow decides: a name and password before a token. Without either, ~/.netrc and the address itself hold.
    if name and password:
        session.auth = (name, password)
    elif token:
        session.auth = _Bearer(token)
    if _truth("MLFLOW_TRACKING_INSECURE_TLS"):
        import urllib3

        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        session.verify = False
    elif path := os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH"):
        session.verify = path
    if path := os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH"):
        session.cert = path
    if space := os.environ.get("MLFLOW_WORKSPACE"):
        session.headers["X-MLFLOW-WORKSPACE"] = space
    return session


class _Bearer:
    """Requests would put a name from ~/.netrc in the place of a header that is merely set."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _credentials() -> tuple[str, str]:
    """Name and password: MLflow's variables, each else from its credentials file."""
    parser = configparser.ConfigParser(interpolation=None)
    path = Path.home() / ".mlflow" / "credentials"
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise StoreError(f"{path} cannot be read: {brief_reason(error)}", "It is MLflow's credentials file.") from error
    stored = parser["mlflow"] if parser.has_section("mlflow") else {}
    name = os.environ.get("MLFLOW_TRACKING_USERNAME") or stored.get("mlflow_tracking_username", "")
    return name or "", os.environ.get("MLFLOW_TRACKING_PASSWORD") or stored.get("mlflow_tracking_password", "") or ""


def _truth(name: str) -> bool:
    return os.environ.get(name, "").lower() in ("true", "1")
