"""``python unmoved.py PROGRAM ARG …``: a program that does not notice when network interfaces come and go.

A browser gives up requests that wait for a connection (ERR_NETWORK_CHANGED) when an address of its machine
changes, as with each pod of a cluster that runs beside it. Chromium has no setting for that. The kernel tells
of addresses by sockets of NETLINK_ROUTE (rtnetlink(7)); a program that gets none takes the network as it is.
The filter is a classic BPF program over ``struct seccomp_data`` (seccomp(2)) and holds for all children.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import sys

# <linux/prctl.h>, <linux/seccomp.h>, <linux/filter.h>
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
SECCOMP_MODE_FILTER = 2
RET_ERRNO, RET_ALLOW = 0x0005_0000, 0x7FFF_0000
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
# Of the call, in ``struct seccomp_data``: its number, and the low words of socket(2)'s domain and protocol.
NUMBER, DOMAIN, PROTOCOL = 0, 16, 32
SOCKET_CALL = {"x86_64": 41, "aarch64": 198}


class Instruction(ctypes.Structure):
    """``struct sock_filter``."""

    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    )


class Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.POINTER(Instruction)))


def see_no_interfaces() -> None:
    """From here on this process and its children get no socket of NETLINK_ROUTE.

    Raises:
        OSError: the kernel has no seccomp filters.
    """
    steps = (
        (LOAD_WORD, 0, 0, NUMBER),
        (JUMP_IF_EQUAL, 0, 5, SOCKET_CALL[os.uname().machine]),
        (LOAD_WORD, 0, 0, DOMAIN),
        (JUMP_IF_EQUAL, 0, 3, socket.AF_NETLINK),
        (LOAD_WORD, 0, 0, PROTOCOL),
        (JUMP_IF_EQUAL, 0, 1, socket.NETLINK_ROUTE),
        (RETURN, 0, 0, RET_ERRNO | errno.EAFNOSUPPORT),
        (RETURN, 0, 0, RET_ALLOW),
    )
    filters = (Instruction * len(steps))(*(Instruction(*step) for step in steps))
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(Program(len(steps), filters)))


def _prctl(option: int, *args: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, *args, *(0 for _ in range(4 - len(args)))) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


if __name__ == "__main__":
    see_no_interfaces()
    os.execv(sys.argv[1], sys.argv[1:])
