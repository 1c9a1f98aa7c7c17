#!/bin/sh
# Fuzzes skink for a while on every core and says how often it ran. Arguments: the folder to work in, seconds.
# CLANG: another clang. Findings stay in FOLDER/findings; each run goes on from the corpus of the last.
set -eu
folder=$1
seconds=$2
clang=${CLANG:-clang}
flags="-std=c11 -g -O2 -D_DEFAULT_SOURCE -Icsrc -Icsrc/include -fsanitize=address,undefined -fno-sanitize-recover=undefined"
mkdir -p "$folder/corpus" "$folder/findings" "$folder/engine" "$folder/target"

printf 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { (void)d; (void)n; return 0; }\n' >"$folder/trial.c"
"$clang" -fsanitize=fuzzer,address "$folder/trial.c" -o "$folder/trial" 2>/dev/null ||
    { echo "make fuzz needs clang with libFuzzer: install it (on Debian: apt install clang libclang-rt-dev), or name one with CLANG=..." >&2; exit 1; }

# Only the engine tells libFuzzer where it has been.
# shellcheck disable=SC2086
for source in csrc/skink/*.c; do
    "$clang" $flags -fsanitize-coverage=inline-8bit-counters,pc-table -c "$source" -o "$folder/engine/$(basename "$source" .c).o"
done
# shellcheck disable=SC2086
for source in tests/fuzz/*.c; do
    [ "$source" = tests/fuzz/run_files.c ] || "$clang" $flags -c "$source" -o "$folder/target/$(basename "$source" .c).o"
done
"$clang" -fsanitize=fuzzer,address,undefined "$folder"/engine/*.o "$folder"/target/*.o -o "$folder/fuzz_skink"

set -- ../shared/corpus/*/*.img
[ -f "$1" ] || { echo "the disk images of other programs are not there: fuzzing begins with skink's own" >&2; set --; }
python tests/fuzz/make_seeds.py "$folder/corpus" "$@"

# Each core runs till its time is over, and again where a finding ended it.
export ASAN_OPTIONS=malloc_context_size=4:detect_leaks=0:quarantine_size_mb=8
end=$(($(date +%s) + seconds))
fuzz() {
    while left=$((end - $(date +%s))) && [ "$left" -gt 0 ]; do
        "$folder/fuzz_skink" -max_total_time="$left" -max_len=40960 -timeout=20 -rss_limit_mb=2000 -reload=60 \
            -artifact_prefix="$folder/findings/" -print_final_stats=1 "$folder/corpus" >>"$folder/$1.log" 2>&1 || true
    done
}
cores=$(getconf _NPROCESSORS_ONLN)
rm -f "$folder"/core*.log
for core in $(seq "$cores"); do
    fuzz "core$core" &
done
wait
runs=$(cat "$folder"/core*.log | sed -n 's/^stat::number_of_executed_units: *//p' | awk '{ n += $1 } END { print n + 0 }')
coverage=$(cat "$folder"/core*.log | sed -n 's/.* cov: \([0-9]*\) .*/\1/p' | sort -n | tail -1)
found=$(find "$folder/findings" -type f | wc -l)
echo "$runs executions, $coverage edges of skink covered, $found findings in $folder/findings"
[ "$found" -eq 0 ]
