#!/bin/sh
# Puts Chromium and a Japanese font on a Debian machine where we may; Playwright drives it.
# Calm where it cannot: the tests of the pages in a browser are then skipped.
if command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1; then
    exit 0
fi
skip() {
    echo "Chromium $1、そのテストは飛ばします。"
    exit 0
}
command -v apt-get >/dev/null 2>&1 || skip "を自動で入れられる環境ではないため"
[ "$(id -u)" = 0 ] || skip "を入れる権限（root）がないため"
echo "準備: テスト用に Chromium を入れます"
export DEBIAN_FRONTEND=noninteractive
{ apt-get -q update && apt-get -q install -y --no-install-recommends chromium fonts-noto-cjk; } \
    >/dev/null 2>&1 || skip "を入れられなかったため"
