#!/usr/bin/env bash
# Prints the figures of docs/benchmarks.md as a Markdown table, but for those of benches/soak.py and
# benches/submission.py, which take real time. Needs bash, python3 and cargo, and a quiet machine.
# FIGURES_BUILD=0 leaves the clean build out; DAYS is the length of the simulation.
set -euo pipefail
cd "$(dirname "$0")/.."
days=${DAYS:-30}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

row() { printf '| %s | `%s` | %s | %s |\n' "$1" "$2" "$3" "$4"; }

# Prints "WALL_SECONDS CPU_SECONDS PEAK_MIB" of a command; its output goes to a file.
measure() {
    python3 - "$scratch/out" "$@" <<'PY'
import resource, subprocess, sys, time
began = time.monotonic()
with open(sys.argv[1], "w") as out:
    code = subprocess.run(sys.argv[2:], stdout=out, stderr=subprocess.STDOUT).returncode
wall = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
if code:
    sys.exit(f"{sys.argv[2:]} ended with {code}:\n" + open(sys.argv[1]).read())
print(f"{wall:.2f} {used.ru_utime + used.ru_stime:.2f} {used.ru_maxrss // 1024}")
PY
}

# The least wall time of five calls, in milliseconds.
best_of_five() {
    for _ in 1 2 3 4 5; do measure "$@"; done | sort -n | head -1 | python3 -c \
        'wall = input().split()[0]; print(round(float(wall) * 1000))'
}

python3 - "$scratch" <<'PY'
import sys
environments = '''
[[environments]]
name = "spot"
queue = "demo-spot-general"
capacity = "spot"
region = "us-east-1"

[[environments]]
name = "on-demand"
queue = "demo-on-demand-general"
capacity = "on-demand"
region = "us-east-1"

[[classes]]
name = "hourly"
environments = ["spot", "on-demand"]
expected_duration = "15m"
deadline = "55m"
wait_budget = "8m"
failure_retries = 1
'''
zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"]
with open(f"{sys.argv[1]}/large.toml", "w") as large:
    large.write(environments)
    for i in range(10_000):
        large.write(f'''
[[jobs]]
name = "job-{i}"
class = "hourly"
cron = "{i % 60} {i // 60 % 24} {i // 1440 % 28 + 1} * *"
time_zone = "{zones[i % 4]}"
definition = "import:3"
vcpus = 2
memory_mib = 4096
timeout = "50m"
command = ["run", "--index", "{i}"]
environment = {{ LEVEL = "info", TARGET = "s3://example/{i}" }}
''')
with open(f"{sys.argv[1]}/hourly.toml", "w") as hourly:
    hourly.write(environments)
    for i in range(100):
        hourly.write(f'''
[[jobs]]
name = "job-{i:02}"
class = "hourly"
cron = "{i * 7 % 60} * * * *"
definition = "{'demo-import:3' if i % 2 else 'import:1'}"
vcpus = {1 + i % 3}
memory_mib = {2048 * (1 + i % 3)}
''')
PY

echo "$(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg) at the start, $(date -u +%F)"
echo
echo '| Figure | Command | Measured | Target |'
echo '|---|---|---|---|'

build=(cargo build --release --quiet --no-default-features)
if [ "${FIGURES_BUILD:-1}" = 1 ]; then
    cargo fetch --quiet --locked
    read -r wall cpu _ < <(CARGO_TARGET_DIR="$scratch/target" measure "${build[@]}")
    row "Clean build of \`cargo demo\`" "cargo build --release --no-default-features" \
        "$wall s (CPU $cpu s)" "180 s"
    rm -rf "$scratch/target"
fi

target=${CARGO_TARGET_DIR:-target}
"${build[@]}"
spotcron=$target/release/spotcron

row "\`check\` of 10,000 jobs" "spotcron check large.toml" \
    "$(best_of_five "$spotcron" check "$scratch/large.toml") ms" "700 ms"

bench=(cargo bench --quiet --no-default-features --bench)
daemon=$("${bench[@]}" daemon)
of() { awk -v key="$1" '$1 == key { print $2 }' <<<"$daemon"; }
row "Daemon with 10,000 jobs ready" "cargo bench --bench daemon" "$(of ready_ms) ms" "2,000 ms"
row "Daemon with 10,000 jobs resident" "cargo bench --bench daemon" \
    "$(of resident_mib) MiB (peak $(of resident_peak_mib) MiB)" "150 MB"
row "One scrape with 10,000 jobs" "cargo bench --bench daemon" \
    "$(of scrape_us) µs ($(of scrape_bytes) bytes)" "–"

burst=$("${bench[@]}" schedule -- burst)
row "10,000 runs due in the same second: all intents durable" "cargo bench --bench schedule -- burst" \
    "$(awk '$1 == "burst_all_durable_ms" { print $2 }' <<<"$burst") ms" "1,000 ms"

sets=$("${bench[@]}" schedule -- burst-sets)
of_sets() { awk -v key="$1" '$1 == key { print $2 }' <<<"$sets"; }
row "One job with 10,000 parameter sets: all runs durable; all intents durable" \
    "cargo bench --bench schedule -- burst-sets" \
    "$(of_sets sets_all_created_ms) ms; $(of_sets sets_all_intents_ms) ms" "–"

watching=$("${bench[@]}" watching)
watched() { awk -v key="$1" '$1 == key { print $2 }' <<<"$watching"; }
for what in running overdue; do
    row "Watching 10,000 $what jobs: DescribeJobs per hundred jobs and minute; calls a second" \
        "cargo bench --bench watching" \
        "$(watched ${what}_describes_a_hundred_and_minute); $(watched ${what}_calls_a_second)" "1; 10"
done

# A table of divan: the bench, then its two arguments, with fastest, slowest and median.
decision=$("${bench[@]}" decision | tr -d '│├╰─' | tr -s ' ')
median() {
    awk -v bench="$1" -v argument="$2" '$1 ~ /^decide/ { at = $1 }
        at == bench && $1 == argument { print $6, $7 }' <<<"$decision"
}
for name in decide_200_pools decide_200_and_200_pools; do
    row "$name, nothing seen of them" "cargo bench --bench decision" "$(median $name false)" "50 µs"
    row "$name, placements in all" "cargo bench --bench decision" "$(median $name true)" "50 µs"
done

demo=(demo --seed 7 --for "${days}d" --speed max --format json --catalogue)
read -r wall cpu peak < <(measure "$spotcron" "${demo[@]}" "$scratch/hourly.toml")
rate=$(python3 -c "print(round($days / $wall * 60))")
row "Virtual days a minute, 100 jobs an hour each" \
    "spotcron demo --for ${days}d --speed max --catalogue hourly.toml" \
    "$rate ($days days in $wall s, CPU $cpu s)" "30"
row "Memory of these $days days, store in memory" "same" "$peak MiB" "–"
