# Read by the other scripts here: apt_install <what> <packages ...> puts packages on a Debian machine
# where we may, and ends calmly where it cannot: the tests that need them are then skipped.
skip() {
    echo "$1、そのテストは飛ばします。"
    exit 0
}

apt_install() {
    what=$1
    shift
    command -v apt-get >/dev/null 2>&1 || skip "$what を自動で入れられる環境ではないため"
    [ "$(id -u)" = 0 ] || skip "$what を入れる権限（root）がないため"
    echo "準備: テスト用に $what を入れます"
    # A network that swallows everything must not hold up the tests for ever. Only what is on the
    # network has a limit of time: an installation that is cut off would leave a broken program.
    set -- -q -y --no-install-recommends -o DPkg::Lock::Timeout=60 \
        -o Acquire::Retries=1 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 \
        install "$@"
    export DEBIAN_FRONTEND=noninteractive
    {
        timeout 180 apt-get -q -o Acquire::Retries=1 -o Acquire::http::Timeout=30 \
            -o Acquire::https::Timeout=30 update &&
            timeout 420 apt-get --download-only "$@" &&
            apt-get "$@"
    } </dev/null >/dev/null 2>&1 || skip "$what を入れられなかったため"
}
