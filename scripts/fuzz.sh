#!/bin/sh
# fuzz.sh SECONDS [TARGET]...
#
# Runs each fuzz target that long, two at a time (JOBS), from the corpus in
# fuzz/corpus. What is new goes to target/fuzz/corpus, and what fails to
# target/fuzz/artifacts; the log of each ends with executions and coverage.
set -eu
cd "$(dirname "$0")/.."
seconds=$1
shift
[ $# -gt 0 ] || set -- engine ipv4 lease router decoder control

out=$PWD/target/fuzz
mkdir -p "$out/logs"
for target; do mkdir -p "$out/corpus/$target" "$out/artifacts/$target"; done

# The code under test has no unsafe: what an address sanitizer would find, the
# compiler has excluded, and without one it runs twice as often. Debug
# assertions and overflow checks stay.
# cargo-fuzz passes flags of the compiler that only a nightly takes by itself.
export RUSTC_BOOTSTRAP=1 PATH="$PWD/target/fuzzer/bin:$PATH"
cargo fuzz build --fuzz-dir fuzz --target-dir "$out/build" --sanitizer none --debug-assertions

programs=$(echo "$out"/build/*/release)
# Datagrams as long as UDP carries, where nothing else comes before the decoder.
longest=2048
export out programs seconds longest
# shellcheck disable=SC2016  # the inner shell expands it
printf '%s\n' "$@" | xargs -P "${JOBS:-2}" -I{} sh -c '
    [ {} != decoder ] || longest=65535
    if nice "$programs/{}" -max_total_time="$seconds" -max_len="$longest" -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1 -artifact_prefix="$out/artifacts/{}/" \
        "$out/corpus/{}" "fuzz/corpus/{}" > "$out/logs/{}.log" 2>&1
    then
        last=$(grep -E "^#[0-9]+.*cov:" "$out/logs/{}.log" | tail -n 1)
        echo "fuzz {}: $(grep -o "number_of_executed_units: [0-9]*" "$out/logs/{}.log"),${last#*DONE}"
    else
        echo "fuzz {}: FAILED; see $out/logs/{}.log" >&2
        tail -n 40 "$out/logs/{}.log" >&2
        exit 1
    fi'
