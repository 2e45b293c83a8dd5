#!/bin/sh
# Puts one fault after the other of a list (docs/faults.tsv, or the one given)
# into a copy of the code and runs the test that has to see it. Fails where one
# does not, or where a fault cannot be put in any more. Of the test "lives", one
# of 10,000 lives has to see it; one that does not end may be the machine's fault.
#
# `faults.sh N [LIST]` puts in one in N of them, beginning with the one whose place
# is the number of commits modulo N: N commits in a row have them all.
set -eu
cd "$(dirname "$0")/.."
every=${1:-1}
list=${2:-docs/faults.tsv}

copy=target/faults
rm -rf "$copy"
mkdir -p "$copy"
for place in Cargo.toml Cargo.lock README.md src tests examples docs man; do
    cp -R "$place" "$copy/"
done
[ ! -e rust-toolchain.toml ] || cp rust-toolchain.toml "$copy/"
tab=$(printf '\t')
unseen=0
place=$(git rev-list --count HEAD 2>/dev/null || echo 0)
while IFS="$tab" read -r fault file test from to; do
    case $fault in '#'*) continue ;; esac
    # All of them have to fit, those whose turn it is not as well.
    FROM=$from perl -0ne '
        my $from = $ENV{FROM} =~ s/\\n/\n/gr;
        my $at = index($_, $from);
        exit($at < 0 || $at != rindex($_, $from))' "$file" || {
        echo "DOES NOT FIT IN ONE PLACE: $fault"
        unseen=1
        continue
    }
    place=$((place + 1))
    [ $((place % every)) -eq 0 ] || continue
    FROM=$from TO=$to perl -0pi -e '
        my ($from, $to) = map { s/\\n/\n/gr } @ENV{"FROM", "TO"};
        s/\Q$from\E/$to/ or die "the fault does not fit: $from\n"' "$copy/$file"
    if [ "$test" = lives ]; then
        # A life that finds it comes soon: what builds fast is best.
        (cd "$copy" && CARGO_TARGET_DIR=../faults-target \
            CARGO_PROFILE_SIM_LTO=off CARGO_PROFILE_SIM_CODEGEN_UNITS=16 \
            cargo build -q --profile sim --example lives) \
            && ! target/faults-target/sim/examples/lives --until-found 10000 > target/fault.log 2>&1 \
            && seen=$(grep '^life ' target/fault.log | grep -v 'finds: no end after' \
                | sort -nk2 | head -n 1) || seen=
        if [ -n "$seen" ]; then
            echo "seen: $fault: $seen"
        else
            echo "NOT SEEN: $fault"
            unseen=1
        fi
        cp "$file" "$copy/$file"
        continue
    fi
    tier=${test%% *}
    case $tier in
        lib | bins) tier=--$tier ;;
        *) tier="--test $tier" ;;
    esac
    # shellcheck disable=SC2086  # two words
    if (cd "$copy" && CARGO_TARGET_DIR=../faults-target cargo test -q $tier "${test#* }") \
        > target/fault.log 2>&1; then
        echo "NOT SEEN: $fault ($test)"
        unseen=1
    elif grep -q 'test result: FAILED' target/fault.log; then
        echo "seen: $fault ($test)"
    else
        echo "DOES NOT COMPILE: $fault"
        tail -20 target/fault.log
        unseen=1
    fi
    cp "$file" "$copy/$file"
done < "$list"
exit $unseen
