"""Takes from this process all that a script must not have. Linux on x86-64; imports nothing of ours.

Each part alone has holes (landlock leaves sockets open, a network namespace the files), so all of them
or none: `lock_down` raises at the first that the kernel refuses.

Source: landlock(7), seccomp(2), unshare(2) and the kernel's uapi headers, as of Linux 6.18.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULESET_VERSION = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# Rights over files, and what else a ruleset can handle, by the first version of landlock that knows it.
_FILE_RIGHTS = ((1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
_NET_SINCE, _NET_RIGHTS = 4, 0b11
_SCOPE_SINCE, _SCOPES = 6, 0b11

_PDEATHSIG, _NO_NEW_PRIVS, _SET_SECCOMP, _SET_DUMPABLE = 1, 38, 22, 4
_SIGKILL = 9
_NEWUSER, _NEWNET, _NEWIPC, _NEWUTS, _NEWNS = 0x10000000, 0x40000000, 0x08000000, 0x04000000, 0x00020000

_AUDIT_ARCH_X86_64 = 0xC000003E
_X32 = 0x40000000
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | 1  # the last: EPERM
# The calls that computing, importing and answering need; everything else gets EPERM.
_CALLS_X86_64 = (
    0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17,  # read … pread64 without open and ioctl
    21, 23, 24, 25, 28, 35, 39, 60, 63, 72, 79, 89, 96, 97, 99, 102, 104, 107, 108, 110, 131, 186,
    202, 204, 217, 219, 228, 229, 230, 231, 257, 262, 267, 270, 271, 273, 318, 332, 334, 439,
)  # fmt: skip

_LEFT_OUT = {"site-packages", "dist-packages", "test", "ensurepip", "idlelib", "lib2to3", "turtledemo"}


class Refused(Exception):
    """The kernel does not do a part of it."""


def lock_down(memory_bytes: int) -> None:
    """Errors: `Refused`. There is no way back."""
    if platform.machine() != "x86_64":
        raise Refused("this processor (" + platform.machine() + ") has no table of system calls here")
    libc = ctypes.CDLL(None, use_errno=True)
    _call(libc.prctl(_PDEATHSIG, _SIGKILL, 0, 0, 0), "end with the process that started it")
    _call(libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0), "close its memory to others")
    namespaces = _NEWUSER | _NEWNET | _NEWIPC | _NEWUTS | _NEWNS
    _call(libc.unshare(namespaces), "have namespaces of its own (user, network, mounts, IPC, names)")
    _call(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0), "give up gaining rights")
    _limit(memory_bytes)
    _landlock(libc)
    _seccomp(libc)


def _call(result: int, what: str) -> int:
    if result < 0:
        raise Refused("it cannot " + what + ": " + os.strerror(ctypes.get_errno()))
    return result


def _limit(memory_bytes: int) -> None:
    with open("/proc/self/statm") as statm:
        taken = int(statm.read().split()[0]) * resource.getpagesize()
    room = taken + memory_bytes
    for name, most in (
        ("RLIMIT_AS", room),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_NOFILE", 32),
        ("RLIMIT_NPROC", 0),
        ("RLIMIT_MEMLOCK", 0),
    ):
        resource.setrlimit(getattr(resource, name), (most, most))


def _landlock(libc: ctypes.CDLL) -> None:
    version = libc.syscall(_CREATE_RULESET, None, 0, _RULESET_VERSION)
    _call(version, "be confined by landlock")
    files = 0
    for since, rights in _FILE_RIGHTS:
        if version >= since:
            files |= rights
    attributes = struct.pack(
        "QQQ",
        files,
        _NET_RIGHTS if version >= _NET_SINCE else 0,
        _SCOPES if version >= _SCOPE_SINCE else 0,
    )
    size = 24 if version >= _SCOPE_SINCE else 16 if version >= _NET_SINCE else 8
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.c_char_p(attributes), size, 0)
    _call(ruleset, "be confined by landlock")
    library = os.path.dirname(os.path.realpath(os.__file__))
    _allow(libc, ruleset, library, _READ_DIR)
    for entry in os.scandir(library):
        if entry.name not in _LEFT_OUT:
            _allow(libc, ruleset, entry.path, _READ_FILE)
    _call(libc.syscall(_RESTRICT_SELF, ruleset, 0), "be confined by landlock")
    os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = ctypes.c_char_p(struct.pack("=Qi", rights, handle))
        _call(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0), "be confined by landlock")
    finally:
        os.close(handle)


def _seccomp(libc: ctypes.CDLL) -> None:
    def step(code: int, if_true: int, if_false: int, value: int) -> bytes:
        return struct.pack("HBBI", code, if_true, if_false, value)

    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    program = [
        step(load, 0, 0, 4),
        step(equal, 1, 0, _AUDIT_ARCH_X86_64),
        step(give, 0, 0, _KILL),
        step(load, 0, 0, 0),
        step(at_least, 0, 1, _X32),
        step(give, 0, 0, _KILL),
    ]
    for number in _CALLS_X86_64:
        program += [step(equal, 0, 1, number), step(give, 0, 0, _ALLOW)]
    program.append(step(give, 0, 0, _REFUSE))
    text = ctypes.create_string_buffer(b"".join(program))
    header = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(text))
    _call(libc.prctl(_SET_SECCOMP, 2, ctypes.c_char_p(header), 0, 0), "have its system calls filtered")
