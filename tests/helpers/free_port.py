"""Find a port for processes that train together."""
import socket


def free_port() -> int:
    """Return a port of this machine that no process listens on."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return free.getsockname()[1]
