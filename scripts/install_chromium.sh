#!/bin/sh
# Puts Chromium and a Japanese font on a Debian machine where we may; Playwright drives it.
. "$(dirname "$0")/apt.sh"
if command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1; then
    exit 0
fi
apt_install Chromium chromium fonts-noto-cjk
