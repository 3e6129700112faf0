#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the plain Win32 conformance tests with mingw-w64 and runs each test in a process of its own
# under Wine: a second opinion on the tests, not on the library.
#
#   run_wine.sh [area ...]      (default: every area, i.e. every source that is not rp_*)
#
# Prints one line per test that does not pass and a table of the areas. Exit code 0: all pass or
# are skipped; 1: some do not; 77: something needed is missing.
# WINE_TESTS_DIR: where to build (default: a new temporary directory). WINE_TEST_LIMIT: seconds per
# test (default 90).
set -u

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
compiler=${WINE_TESTS_CC:-x86_64-w64-mingw32-gcc}
limit=${WINE_TEST_LIMIT:-90}

for tool in "$compiler" wine timeout; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "run_wine.sh: $tool is missing" >&2
        exit 77
    fi
done

if [ -n "${WINE_TESTS_DIR:-}" ]; then
    work=$WINE_TESTS_DIR
    mkdir -p "$work"
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi
WINEDEBUG=${WINEDEBUG:--all}
WINEPREFIX=${WINEPREFIX:-$work/prefix}
# A crash ends the test; the debugger would only delay it.
WINEDLLOVERRIDES=${WINEDLLOVERRIDES:-winedbg.exe=d}
export WINEDEBUG WINEPREFIX WINEDLLOVERRIDES

if [ $# -eq 0 ]; then
    for source in "$here"/*.c; do
        area=$(basename "$source" .c)
        case $area in
        rp_*) ;;
        *) set -- "$@" "$area" ;;
        esac
    done
fi

bad=0
table=$work/table
: >"$table"
for area in "$@"; do
    if ! "$compiler" -std=gnu11 -O1 -g -Wall -Wextra -Wshadow -Werror \
        -D__USE_MINGW_ANSI_STDIO=1 -I"$root" "$here/$area.c" -o "$work/$area.exe" \
        -lws2_32 -lmswsock; then
        printf '%-10s does not compile\n' "$area" >>"$table"
        bad=1
        continue
    fi
    (cd "$work" && timeout "$limit" wine "./$area.exe" --list) | tr -d '\r' >"$work/$area.list"
    if [ ! -s "$work/$area.list" ]; then
        echo "run_wine.sh: wine does not run $area.exe" >&2
        exit 77
    fi
    passed=0 failed=0 skipped=0 crashed=0
    tab=$(printf '\t')
    while IFS=$tab read -r id name; do
        (cd "$work" && timeout -k 5 "$limit" wine "./$area.exe" "$name" </dev/null 2>/dev/null) |
            tr -d '\r' >"$work/output"
        case $(tail -n 1 "$work/output") in
        "1 passed, 0 failed, 0 skipped") passed=$((passed + 1)) ;;
        "0 passed, 0 failed, 1 skipped") skipped=$((skipped + 1)) ;;
        *" failed, "*)
            failed=$((failed + 1))
            sed "s/^/$area: /" "$work/output" | grep -v ' failed, '
            ;;
        *)
            crashed=$((crashed + 1))
            printf '%s: CRASH or HANG  %s  %s\n' "$area" "$id" "$name"
            ;;
        esac
    done <"$work/$area.list"
    printf '%-10s %3d passed  %3d failed  %3d skipped  %3d crashed or hung\n' \
        "$area" "$passed" "$failed" "$skipped" "$crashed" >>"$table"
    [ $((failed + crashed)) -eq 0 ] || bad=1
done
cat "$table"
exit $bad
