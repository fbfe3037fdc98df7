"""What can go wrong under any command ends in a message and a hint, without traceback and without passwords."""

import errno
from typing import NoReturn

import click
import pytest

from edm_core.cli import main as cli
from edm_core.errors import EdmError, StoreError
from edm_core.stores.redact import brief_reason


def _end(monkeypatch: pytest.MonkeyPatch, raised: Exception) -> int:
    @click.command()
    def failing() -> NoReturn:
        raise raised

    monkeypatch.setattr(cli, "edm", failing)
    with pytest.raises(SystemExit) as ended:
        cli.main([])
    code = ended.value.code
    assert isinstance(code, int)
    return code


def test_passwords_in_addresses_are_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error: EdmError = StoreError(
        "git: https://ann:s3cret@host/x.git is gone", "Try postgresql://ann:s3cret@db/m again."
    )
    assert _end(monkeypatch, error) == 1
    told = capsys.readouterr().err
    assert told == "error: git: https://host/x.git is gone\nhint: Try postgresql://db/m again.\n"


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/d/x"), "/d/x: No space left on device", "Free some space"),
        (PermissionError(errno.EACCES, "Permission denied", "/d"), "/d: Permission denied", "Check the path"),
    ],
)
def test_what_the_system_refuses_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: OSError, message: str, hint: str
) -> None:
    assert _end(monkeypatch, error) == 1
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"error: {message}"
    assert told[1].startswith(f"hint: {hint}")


def test_a_server_that_is_away_is_told_in_one_line() -> None:
    long = (
        "API request to http://ann:s3cret@127.0.0.1:9/api failed with exception HTTPConnectionPool(host='127.0.0.1'): "
        "Max retries exceeded with url: /api (Caused by NewConnectionError(\"HTTPConnection(host='127.0.0.1'): "
        'Failed to establish a new connection: [Errno 111] Connection refused"))'
    )
    assert brief_reason(OSError(long)) == "Connection refused"
    assert brief_reason(OSError("postgresql://ann:s3cret@db/m is shut\nmore")) == "postgresql://db/m is shut"
    assert brief_reason(ValueError()) == "ValueError"
