"""Moves the calling thread into a network namespace; sockets stay in the one they were made in."""

import ctypes
import os

CLONE_NEWNET = 0x40000000


def enter(name):
    """`os.setns` is Python 3.12; Debian 12 has 3.11."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{name}", "rb") as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), name)
