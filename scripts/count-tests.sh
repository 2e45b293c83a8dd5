#!/bin/sh
# Adds up the results of all test binaries in a log of `cargo test`.
set -eu
awk '/^test result:/ {
         for (i = 1; i < NF; i++) {
             if ($(i + 1) == "passed;") passed += $i
             if ($(i + 1) == "failed;") failed += $i
             if ($(i + 1) == "ignored;") skipped += $i
         }
     }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$1"
