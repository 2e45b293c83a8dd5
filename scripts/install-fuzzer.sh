#!/bin/sh
# Installs cargo-fuzz into target/fuzzer, where it is missing. libFuzzer itself
# is built by it with the C++ compiler (Debian: g++).
set -eu
cd "$(dirname "$0")/.."
version=0.13.1

if [ "$(target/fuzzer/bin/cargo-fuzz --version 2>/dev/null)" != "cargo-fuzz $version" ]; then
    cargo install cargo-fuzz --version "$version" --locked --quiet --root target/fuzzer
fi
if ! command -v c++ >/dev/null 2>&1; then
    [ "$(id -u)" = 0 ] || { echo "no C++ compiler: apt-get install g++" >&2; exit 1; }
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends g++
fi
