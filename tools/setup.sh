#!/bin/sh
# Makes the environment of the Makefile: tools/setup.sh VENV LOCK
#
# Needs Python 3.11 or newer and a package registry, nothing else. PYTHON names another interpreter.
# Every package comes from LOCK with its hash; the project itself is installed in place.
set -eu

venv=$1
lock=$2

say() { printf '%s\n' "$*" >&2; }

find_python() {
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$candidate"
            return
        fi
    done
    say "No Python 3.11 or newer was found. Install one, or name it: make PYTHON=/path/to/python3"
    exit 1
}

# Debian and Ubuntu ship venv apart from Python.
need_venv_module() {
    if "$1" -c 'import ensurepip, venv' 2>/dev/null; then
        return
    fi
    package="python$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "Installing $package, which Python needs to make an environment"
        apt-get update -qq >&2
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >&2
    else
        say "Python's venv module is missing. Install it, then repeat:"
        say "    sudo apt-get install $package"
        exit 1
    fi
}

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    need_venv_module "$python"
    say "Making $venv"
    rm -rf "$venv"
    "$python" -m venv "$venv"
    pwd >"$venv/.place"
fi

pip() {
    "$venv/bin/python" -m pip --quiet --disable-pip-version-check "$@" >&2
}

# uv is much faster; pip does the same from the same lock where uv cannot reach a registry that
# only pip has been told of.
if [ ! -x "$venv/bin/uv" ]; then
    pip install --require-hashes --no-deps -r requirements-uv.lock || say "uv cannot be installed; using pip"
fi
uv() {
    [ -x "$venv/bin/uv" ] || return 1
    "$venv/bin/uv" pip "$@" --quiet --python "$venv/bin/python" >&2
}

say "Installing $lock"
# Compiled here, once: where Python may not write its caches the command starts in half the time.
uv install --compile-bytecode --require-hashes -r "$lock" || pip install --require-hashes -r "$lock"
# The web page is built with the machine's Node.js, or with one that is a package.
if [ "${REDRIVE_SKIP_UI:-}" != 1 ] && ! "$venv/bin/python" hatch_build.py >/dev/null; then
    say "Installing Node.js to build the web page with"
    uv install --require-hashes -r requirements-node.lock ||
        pip install --require-hashes -r requirements-node.lock || say "Node.js cannot be installed"
fi
# hatchling is in the lock, so nothing is downloaded to build with.
(
    REDRIVE_SKIP_UI=1 # built below, where it can be seen
    export REDRIVE_SKIP_UI
    uv install --no-deps --no-build-isolation -e . || pip install --no-deps --no-build-isolation -e .
)
if [ "${REDRIVE_SKIP_UI:-}" != 1 ]; then
    say "Building the web page"
    "$venv/bin/python" tools/npm.py build >&2 ||
        say "The web page cannot be built; all else works. To try again: make web"
fi
"$venv/bin/python" -m compileall -q src >/dev/null 2>&1 || say "src cannot be compiled beforehand"
