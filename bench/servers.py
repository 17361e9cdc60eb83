"""What is measured: reeve and its peers, each with one worker, pinned to one CPU, in front of the same backend.

A peer has the best settings that we know for the row at hand; `settings` is what is printed with the result."""
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
PR_SET_PDEATHSIG = 1
START_SECONDS = 10
COLUMNS, ROWS, SCROLLBACK = 120, 40, 10000  # of terminals


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start(command, cpu, **options):
    """A child that is pinned to one CPU and ends when this program does."""
    def prepare():
        os.sched_setaffinity(0, {cpu})
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return subprocess.Popen(command, preexec_fn=prepare, **options)


class Backend:
    """bench-backend: behind all proxies, and by itself the floor, since it only receives and sends."""

    name = "floor"

    def __init__(self, cpu, size=2):
        self.process = start([BUILD / "bench/bench-backend", str(size)], cpu, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Fanout:
    """bench-fanout: the floor of event streams, one bare send each."""

    name, stream = "floor", "/events"

    def __init__(self, folder, cpu):
        file = pathlib.Path(folder) / "site/floor.jsonl"
        self.publish = ("append", file)
        self.process = start([BUILD / "bench/bench-fanout", file], cpu, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Server:
    """One running server. Subclasses say `name`, `version()`, `configure()`: files written, the command returned."""

    def __init__(self, folder, backend_port, cpu, **variant):
        self.folder = pathlib.Path(folder) / f"{self.name}-{free_port()}"
        self.folder.mkdir()
        self.site, self.backend_port, self.port, self.variant = pathlib.Path(folder) / "site", backend_port, free_port(), variant
        self.settings, command = self.configure()
        before = time.monotonic()
        with open(self.folder / "output", "wb") as output:
            self.process = start(command, cpu, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        while not self.is_up():
            if self.process.poll() is not None or time.monotonic() > before + START_SECONDS:
                raise RuntimeError(f"{self.name} does not start: {(self.folder / 'output').read_text()}")
            time.sleep(0.0005)
        self.seconds_to_listen = time.monotonic() - before

    def is_up(self):
        return accepts(self.port)

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return self.folder / name

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @classmethod
    def installed(cls):
        return shutil.which(cls.name) is not None


class Reeve(Server):
    name = "reeve"
    stream = "/events?from=end"  # as the others do: what was published for those before is not sent again

    @property
    def publish(self):
        return ("append", self.site / "events.jsonl")

    @classmethod
    def installed(cls):
        return (BUILD / "reeve").exists()

    @staticmethod
    def version():
        return subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout.strip()

    def configure(self):
        services = dict(self.variant.get("kept", {}))
        if "terminal" in self.variant:
            size = f"{{columns: {COLUMNS}, rows: {ROWS}, scrollback: {SCROLLBACK}}}"
            services["shell"] = f'{{command: [sh, -c, "{self.variant["terminal"]}"], terminal: {size}}}'
        kept = "".join(f"  {name}: {service}\n" for name, service in services.items())
        file = self.write("reeve.yaml", f"""\
state: ./state
listen: [{{address: "127.0.0.1:{self.port}"}}]
workers: 1
log: {{level: warning, access: {self.variant.get("access", "none")}}}
services:
  backend: {{address: "http://127.0.0.1:{self.backend_port}"}}
{kept}routes:
  - {{path: /static/*, files: {self.site}}}
{self.variant.get("routes", "")}  - {{path: /events, events: {{file: {self.site}/events.jsonl, heartbeat: 1h}}}}
  - {{path: /*, to: backend}}
""")
        return "workers: 1", [BUILD / "reeve", "run", "-c", file]


class Nginx(Server):
    name = "nginx"

    @staticmethod
    def version():
        return subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.split("/")[-1].strip()

    def configure(self):
        """Small files go quicker without sendfile: one write of head and body. A tunnel moves as much at a time as these
        buffers hold, so the row of large messages gets large ones."""
        buffers = "client_header_buffer_size 64k; proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;"
        tuning = f"""\
    access_log off; server_tokens off; sendfile off; tcp_nodelay on; etag on;
    keepalive_timeout 1h; keepalive_requests 1000000000; proxy_read_timeout 1h; proxy_send_timeout 1h;
    open_file_cache max=1000 inactive=1h; open_file_cache_valid 1h;"""
        if self.variant.get("large"):
            tuning += f"\n    {buffers}"
        file = self.write("nginx.conf", f"""\
daemon off; pid {self.folder}/pid; error_log stderr; worker_processes 1; worker_rlimit_nofile 20000;
events {{ worker_connections 16000; multi_accept on; }}
http {{
{tuning}
    client_body_temp_path {self.folder}; proxy_temp_path {self.folder}; fastcgi_temp_path {self.folder};
    uwsgi_temp_path {self.folder}; scgi_temp_path {self.folder};
    upstream backend {{
        server 127.0.0.1:{self.backend_port};
        keepalive 128; keepalive_requests 1000000000; keepalive_timeout 1h;
    }}
    server {{
        listen 127.0.0.1:{self.port} backlog=4096;
        location /static/ {{ alias {self.site}/; }}
        location / {{ proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; }}
        location /ws {{
            proxy_pass http://backend; proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
        }}
    }}
}}
""")
        return "worker_processes 1; multi_accept on; upstream keepalive 128;\n" + tuning, \
            ["nginx", "-e", "stderr", "-p", self.folder, "-c", file]


class Nchan(Server):
    """nginx with nchan: events are posted to it and kept in its memory, one message long."""

    name, stream = "nchan", "/events"
    module = "/usr/lib/nginx/modules/ngx_nchan_module.so"
    publish = ("post", "/publish")

    @classmethod
    def installed(cls):
        return Nginx.installed() and os.path.exists(cls.module)

    @staticmethod
    def version():
        query = ["dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan"]
        return subprocess.run(query, capture_output=True, text=True).stdout.strip()

    def configure(self):
        tuning = """\
    access_log off; server_tokens off; tcp_nodelay on; keepalive_timeout 1h; keepalive_requests 1000000000;
    nchan_max_reserved_memory 256M;"""
        channel = "nchan_channel_id bench; nchan_message_buffer_length 10; nchan_message_timeout 1m; nchan_websocket_ping_interval 0;"
        file = self.write("nginx.conf", f"""\
load_module {self.module};
daemon off; pid {self.folder}/pid; error_log stderr crit; worker_processes 1; worker_rlimit_nofile 20000;
events {{ worker_connections 10000; multi_accept on; }}
http {{
{tuning}
    client_body_temp_path {self.folder}; proxy_temp_path {self.folder}; fastcgi_temp_path {self.folder};
    uwsgi_temp_path {self.folder}; scgi_temp_path {self.folder};
    server {{
        listen 127.0.0.1:{self.port} backlog=4096;
        location /events {{ nchan_subscriber eventsource; nchan_subscriber_first_message newest; {channel} }}
        location /publish {{ nchan_publisher http; {channel} }}
    }}
}}
""")
        return f"worker_processes 1; multi_accept on;\n{tuning}\n    {channel}", \
            ["nginx", "-e", "stderr", "-p", self.folder, "-c", file]


class Haproxy(Server):
    name = "haproxy"

    @staticmethod
    def version():
        return subprocess.run(["haproxy", "-v"], capture_output=True, text=True).stdout.split()[2]

    def configure(self):
        tuning = f"""\
global
    maxconn 8000
    nbthread 1
    tune.bufsize {73728 if self.variant.get("large") else 16384}
defaults
    mode http
    option http-keep-alive
    http-reuse always
    no log
    timeout client 1h
    timeout server 1h
    timeout connect 5s
    timeout tunnel 1h"""
        file = self.write("haproxy.cfg", f"""{tuning}
frontend front
    bind 127.0.0.1:{self.port} backlog 4096
    default_backend backend
backend backend
    server backend 127.0.0.1:{self.backend_port} pool-max-conn 128
""")
        return tuning, ["haproxy", "-db", "-q", "-f", file]


class H2o(Server):
    name = "h2o"

    @staticmethod
    def version():
        return subprocess.run(["h2o", "-v"], capture_output=True, text=True).stdout.split()[2]

    def configure(self):
        file = self.write("h2o.conf", f"""\
num-threads: 1
num-name-resolution-threads: 1
max-connections: 8192
http1-request-timeout: 3600
listen: {{host: 127.0.0.1, port: {self.port}}}
error-log: /dev/null
proxy.timeout.keepalive: 3600000
proxy.timeout.io: 3600000
proxy.websocket: ON
proxy.websocket.timeout: 3600000
hosts:
  default:
    paths:
      /static: {{file.dir: {self.site}}}
      /: {{proxy.reverse.url: "http://127.0.0.1:{self.backend_port}/"}}
""")
        return "num-threads: 1; keep-alive to the backend; no access log", ["h2o", "-m", "worker", "-c", file]


class Caddy(Server):
    name = "caddy"

    @staticmethod
    def version():
        return subprocess.run(["caddy", "version"], capture_output=True, text=True).stdout.split()[0]

    def configure(self):
        """It logs no access unless told to; on one CPU Go runs its code on one thread."""
        tuning = """\
{
    admin off
    auto_https off
    log {
        output discard
    }
    servers {
        protocols h1
        timeouts {
            idle 1h
        }
    }
}"""
        upstream = """\
transport http {
            keepalive 1h
            keepalive_idle_conns 128
            keepalive_idle_conns_per_host 128
            compression off
        }"""
        file = self.write("Caddyfile", f"""\
{tuning}
http://127.0.0.1:{self.port} {{
    handle_path /static/* {{
        root * {self.site}
        file_server
    }}
    reverse_proxy 127.0.0.1:{self.backend_port} {{
        {upstream}
    }}
}}
""")
        return f"{tuning}\nreverse_proxy: {upstream}", \
            ["env", f"HOME={self.folder}", "caddy", "run", "--config", file, "--adapter", "caddyfile"]


class Tmux(Server):
    """A session that nobody has attached to. It serves nothing but a terminal."""

    name = "tmux"

    @staticmethod
    def version():
        return subprocess.run(["tmux", "-V"], capture_output=True, text=True).stdout.split()[1]

    def configure(self):
        tuning = f"""\
set -g history-limit {SCROLLBACK}
set -g default-terminal tmux-256color
set -g status off
set -g monitor-activity off
set -g monitor-bell off
set -g allow-rename off
set -g automatic-rename off"""
        return tuning, ["tmux", "-u", "-S", self.folder / "socket", "-f", self.write("tmux.conf", tuning), "-D"]

    def is_up(self):
        """The server has its first session."""
        session = ["tmux", "-N", "-S", self.folder / "socket", "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS)]
        return subprocess.run([*session, self.variant["terminal"]], stderr=subprocess.DEVNULL).returncode == 0
