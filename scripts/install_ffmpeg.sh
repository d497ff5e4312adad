#!/bin/sh
# Puts ffmpeg and a Japanese font on a Debian machine where we may; tests make a short video with
# them.
. "$(dirname "$0")/apt.sh"
command -v ffmpeg >/dev/null 2>&1 && exit 0
apt_install ffmpeg ffmpeg fonts-noto-cjk
