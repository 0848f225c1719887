#!/bin/bash
# replay.sh FILE [COMMAND...] - runs a script of operations on the kernel's VGIC and on
# COMMAND (default: vgic exec), and shows the answers side by side where they differ.
# Exit status 1 if they do. The texts of "msg" and the count "warnings" do not count.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
file=${1:?usage: replay.sh FILE [COMMAND...]}
shift
[ $# -gt 0 ] || set -- node "$here/../../packages/cli/bin/vgic.js" exec
oracle=$("$here/build.sh" | tail -1)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
plain() { sed -E 's/,?"(msg)":"([^"\\]|\\.)*"//; s/,?"warnings":[0-9]+//; s/\{,/{/'; }
grep -v -E '^[[:space:]]*(#|$)' "$file" > "$dir/commands"
"$oracle" < "$dir/commands" | plain > "$dir/left" || true
"$@" < "$dir/commands" | plain > "$dir/right" || true
paste -d '\n' <(sed 's/^/> /' "$dir/commands") <(sed 's/^/  kvm  /' "$dir/left") <(sed 's/^/  vgic /' "$dir/right") |
	awk 'NR % 3 == 1 { c = $0 } NR % 3 == 2 { l = $0 } NR % 3 == 0 {
		print c; a = substr(l, 8); b = substr($0, 8)
		if (a == b) print "       " a; else { print l; print $0; d++ } }
		END { printf "%d operations, %d differences\n", NR / 3, d; exit d != 0 }'
