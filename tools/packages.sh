# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# Sourced by run and check: what ringpool is built with, and how to get it on Debian and Ubuntu.
# Something is missing when its command, its pkg-config file or its header is, so that another
# distribution, where the packages have other names, passes as well.

# what to look for                package
readonly build_needs='
command:g++                       g++
command:gcc                       gcc
command:meson                     meson
command:ninja                     ninja-build
command:pkg-config                pkg-config
command:python3                   python3
pc:liburing                       liburing-dev
header:sys/sdt.h                  systemtap-sdt-dev
'
readonly tool_needs='
pc:jemalloc                       libjemalloc-dev
pc:benchmark                      libbenchmark-dev
pc:tbb                            libtbb-dev
pc:libuv                          libuv1-dev
pc:fmt                            libfmt-dev
pc:tomlplusplus                   libtomlplusplus-dev
pc:nlohmann_json                  nlohmann-json3-dev
pc:CLI11                          libcli11-dev
header:asio.hpp                   libasio-dev
'
readonly test_needs='
header:doctest/doctest.h          doctest-dev
command:x86_64-w64-mingw32-gcc    gcc-mingw-w64-x86-64
command:bpftrace                  bpftrace
command:valgrind                  valgrind
'
readonly clang_needs='
command:clang++                   clang
runtime:fuzzer                    libclang-rt-dev
'

has_header() {
    printf '#include <%s>\n' "$1" | g++ -x c++ -M - >/dev/null 2>&1
}

has_clang_runtime() {
    local builtins
    builtins=$(clang++ -print-libgcc-file-name --rtlib=compiler-rt 2>/dev/null) &&
        compgen -G "$(dirname -- "$builtins")/libclang_rt.$1*" >/dev/null
}

is_present() {
    local kind=${1%%:*} name=${1#*:}
    case $kind in
        command) command -v "$name" >/dev/null ;;
        pc) pkg-config --exists "$name" 2>/dev/null ;;
        header) has_header "$name" ;;
        runtime) has_clang_runtime "$name" ;;
    esac
}

missing_packages() {
    local probe package
    while read -r probe package; do
        [ -z "$probe" ] || is_present "$probe" || printf '%s\n' "$package"
    done <<<"$1"
}

# Installs what is missing, or says how and ends with 2. Touches no network when nothing is missing.
require_packages() {
    local missing as_root=()
    mapfile -t missing < <(missing_packages "$1")
    [ ${#missing[@]} -gt 0 ] || return 0
    local install=(apt-get install --yes --no-install-recommends "${missing[@]}")
    if ! command -v apt-get >/dev/null; then
        printf 'ringpool needs these (Debian names): %s\n' "${missing[*]}" >&2
        exit 2
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
            as_root=(sudo)
        else
            printf 'ringpool needs packages, and only root can install them:\n  %s\n' \
                "${install[*]}" >&2
            exit 2
        fi
    fi
    printf 'installing: %s\n' "${missing[*]}"
    as_root+=(env DEBIAN_FRONTEND=noninteractive)
    "${as_root[@]}" "${install[@]}" </dev/null && return
    # An image often ships without package lists.
    "${as_root[@]}" apt-get update </dev/null
    "${as_root[@]}" "${install[@]}" </dev/null && return
    printf 'could not install; by hand:\n  %s\n' "${install[*]}" >&2
    exit 2
}

# ninja writes one line over itself on a terminal. Elsewhere every tenth of the way gets a line, and
# so does whatever is no progress (a warning, an error).
build_quietly() {
    if [ -t 1 ]; then
        ninja "$@"
        return
    fi
    ninja "$@" | awk '
        match($0, /^\[[0-9]+\/[0-9]+\]/) {
            split(substr($0, 2, RLENGTH - 2), part, "/")
            tenth = int(10 * part[1] / part[2])
            if (tenth > said) { printf "building: %d %%\n", 10 * tenth; said = tenth; fflush() }
            next
        }
        !/^ninja: (Entering directory|no work to do)/ { print; fflush() }'
    return "${PIPESTATUS[0]}"
}
