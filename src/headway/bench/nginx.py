"""nginx as a plain reverse proxy: the floor that the gateway is measured against.

One worker, keep-alive on both sides, no access log; with buffering off for streams, since a buffered stream is not one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from headway.bench import processes

PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin")

TEMPLATE = """\
{user}worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
worker_rlimit_nofile {files};

events {{
    worker_connections {connections};
}}

http {{
    access_log off;
    keepalive_timeout 300s;
    keepalive_requests 10000000;
    client_max_body_size 0;
    client_body_buffer_size 1m;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;

    upstream mock {{
        server 127.0.0.1:{upstream};
        keepalive 256;
        keepalive_requests 10000000;
    }}

    server {{
        listen 127.0.0.1:{port} backlog=4096;

        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering {buffering};
        }}
    }}
}}
"""


def installed() -> str | None:
    """The path of nginx, or None; system directories are searched even when the PATH lacks them."""
    return shutil.which("nginx") or shutil.which("nginx", path=os.pathsep.join(PLACES))


def configuration(directory: Path, *, port: int, upstream: int, buffering: bool, files: int, as_root: bool) -> str:
    """nginx.conf for one listening port in front of one upstream port."""
    return TEMPLATE.format(
        directory=directory,
        port=port,
        upstream=upstream,
        buffering="on" if buffering else "off",
        files=files,
        connections=max(64, min(16_384, files // 2)),
        # Started as root, the worker would become `nobody` and could not enter the directory.
        user="user root;\n" if as_root else "",
    )


def command(program: str, directory: Path) -> Sequence[str]:
    return [program, "-c", str(directory / "nginx.conf"), "-p", str(directory), "-e", str(directory / "error.log")]


@contextmanager
def running(
    program: str, directory: Path, *, upstream: int, buffering: bool
) -> Generator[tuple[subprocess.Popen[bytes], int]]:
    """nginx in front of the mock on `upstream`; yields its process and port."""
    directory.mkdir()
    port = processes.free_port()
    files = processes.open_files_limit()
    text = configuration(
        directory, port=port, upstream=upstream, buffering=buffering, files=files, as_root=os.geteuid() == 0
    )
    (directory / "nginx.conf").write_text(text)
    log = directory / "error.log"
    with processes.logged(command(program, directory), log, cwd=directory, env=dict(os.environ)) as process:
        processes.await_answer(f"http://127.0.0.1:{port}/v1/models", process, log)
        yield process, port
