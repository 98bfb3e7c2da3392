"""nginx as a bare proxy, to compare: the same checks, another proxy."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

from tests.hostile.front import Front

_CONFIG = """
worker_processes 1; daemon off; master_process off; pid {dir}/pid; error_log {dir}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 0; underscores_in_headers on; ignore_invalid_headers off;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s; large_client_header_buffers 8 64k;
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 16; }}
  map $http_x_request_id $id {{ "" $request_id; default ""; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://up; proxy_http_version 1.1; proxy_buffering off;
      proxy_request_buffering off; proxy_set_header Connection ""; proxy_pass_header Server;
      proxy_pass_header Date; proxy_set_header x-request-id $id;
      proxy_set_header Host 127.0.0.1:{upstream};
      proxy_buffer_size 64k; proxy_buffers 8 64k;
    }}
  }}
}}
"""


def available() -> bool:
    """Whether nginx is installed."""
    return shutil.which("nginx") is not None


class Nginx:
    """A running nginx; `front` is its address."""

    def __init__(self, upstream_port: int, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        config = folder / "nginx.conf"
        config.write_text(_CONFIG.format(dir=folder, upstream=upstream_port, port=port))
        self._process = subprocess.Popen(["nginx", "-c", str(config), "-p", str(folder)])
        self.front = Front(("127.0.0.1", port), b"127.0.0.1:%d" % upstream_port)
        while True:
            try:
                self.front.connect().close()
            except ConnectionRefusedError:
                if self._process.poll() is not None:
                    raise
            else:
                return

    def close(self) -> None:
        """Ends this nginx."""
        self._process.terminate()
        self._process.wait()
