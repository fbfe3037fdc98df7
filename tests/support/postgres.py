"""A PostgreSQL cluster of its own for the length of a test."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

PROGRAMS = ("initdb", "pg_ctl", "createdb")


def missing() -> str:
    """Why no cluster can be made here; "" when one can."""
    if not all(_program(name).exists() for name in PROGRAMS):
        return "PostgreSQL's initdb, pg_ctl and createdb are not here (Debian: apt-get install postgresql)"
    if os.geteuid() == 0 and shutil.which("runuser") is None:
        return "root may not run PostgreSQL, and there is no runuser"
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed"
    return ""


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """The URI of an empty database; the cluster is gone afterwards."""
    # PostgreSQL refuses root, and its own user cannot enter pytest's folders.
    folder = Path(tempfile.mkdtemp(prefix="edm-pg-"))
    port = free_port()
    as_user: Sequence[str] = ()
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        as_user = ("runuser", "-u", "postgres", "--")

    def run(program: str, *argv: str) -> None:
        subprocess.run([*as_user, str(_program(program)), *argv], cwd=folder, check=True, stdout=subprocess.DEVNULL)

    cluster = str(folder / "cluster")
    try:
        run("initdb", "-A", "trust", "-U", "mlflow", "-D", cluster)
        options = f"-p {port} -k {folder} -h 127.0.0.1"
        run("pg_ctl", "-D", cluster, "-o", options, "-l", str(folder / "log"), "-w", "start")
        run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "mlflow", "mlflow")
        yield f"postgresql://mlflow@127.0.0.1:{port}/mlflow"
    finally:
        run("pg_ctl", "-D", cluster, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


def _program(name: str) -> Path:
    """Debian keeps most of them off PATH, and its createdb there is a wrapper that chooses by its own name: the
    programs themselves lie side by side."""
    here = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return Path(os.path.realpath(shutil.which("initdb") or (here[-1] if here else "initdb"))).with_name(name)


def free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
