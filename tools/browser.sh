#!/bin/sh
# Makes sure that there is a Chromium for the tests of the web page. A browser is never downloaded by a library.
set -eu

if command -v chromium >/dev/null 2>&1 || [ -x "${REDRIVE_CHROMIUM:-}" ]; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing chromium, which tests the web page" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >&2
    exit 0
fi
# The tests that need it fail with the same words.
echo "There is no chromium to test the web page with. Install it, then repeat:" >&2
echo "    sudo apt-get install chromium" >&2
echo "or name one: REDRIVE_CHROMIUM=/path/to/chromium" >&2
exit 1
