#!/bin/sh
# Puts ffmpeg and a Japanese font on a Debian machine where we may; tests make a short video with
# them. Calm where it cannot: those tests are then skipped.
command -v ffmpeg >/dev/null 2>&1 && exit 0
skip() {
    echo "ffmpeg $1、そのテストは飛ばします。"
    exit 0
}
command -v apt-get >/dev/null 2>&1 || skip "を自動で入れられる環境ではないため"
[ "$(id -u)" = 0 ] || skip "を入れる権限（root）がないため"
echo "準備: テスト用に ffmpeg を入れます"
export DEBIAN_FRONTEND=noninteractive
{
    apt-get -q update &&
        apt-get -q install -y --no-install-recommends ffmpeg fonts-noto-cjk
} >/dev/null 2>&1 || skip "を入れられなかったため"
