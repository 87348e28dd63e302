#!/bin/sh
# Runs where a model is deployed to, started in the folder that its files came in,
# <models>/.deploy.<run>/. Ended at any line, there is the old model or the new one, and the next run
# goes on from what it finds.
# usage: sh ./far_side.sh deploy|rollback <folder of the symbol>
# needs: sh cat cp find mkdir mv rm sed, sha256sum or shasum, and flock if several may deploy at once
set -eu
umask 022
task=$1 symbol=$2 stage=$PWD models=${PWD%/*}
trap 'rm -rf "$stage"' EXIT

fail() { code=$1; shift; printf '%s\n' "$*" >&2; exit "$code"; }

for tool in cat cp find mkdir mv rm sed; do
  command -v "$tool" >/dev/null 2>&1 || fail 97 "$tool"
done
if command -v sha256sum >/dev/null 2>&1; then sums() { sha256sum "$@"; }
elif command -v shasum >/dev/null 2>&1; then sums() { shasum -a 256 "$@"; }
else fail 97 "sha256sum or shasum"; fi

# A model is a folder's pointer, and the two files that it names.
word() { sed -n 's/.*"'"$2"'": *"\([a-z0-9]*\)".*/\1/p' "$1/active.json" 2>/dev/null || :; }
short() { printf '%.16s' "$1"; }
hash_of() { # of a file, or of stdin
  told_=$(if [ $# -gt 0 ]; then sums <"$1"; else sums; fi) || fail 95 "a file could not be read"
  printf '%s' "${told_%% *}"
}
file_of() { # folder, backend, sha256, ending: under its hash where it was not yet renamed
  aside=$1/$2_filter.$(short "$3").$4
  if [ -f "$aside" ]; then printf '%s' "$aside"; else printf '%s' "$1/$2_filter.$4"; fi
}
is_whole() {
  backend_=$(word "$1" backend) sha_=$(word "$1" sha256)
  [ -n "$backend_" ] && [ -n "$sha_" ] || return 1
  onnx_=$(file_of "$1" "$backend_" "$sha_" onnx) json_=$(file_of "$1" "$backend_" "$sha_" json)
  [ -f "$onnx_" ] && [ -f "$json_" ] || return 1
  hash_=$(hash_of "$onnx_") || exit
  [ "$hash_" = "$sha_" ]
}
name_of() { # which model this is, its manifest included; nothing where there is none
  is_whole "$1" || return 0
  cat "$1/active.json" "$json_" | hash_of
}
to_disk() { sync "$@" 2>/dev/null || sync; }
keep_previous() { rm -rf previous; mv .previous.new previous; }

locked() { flock -w 60 "$1" || fail 94 "somebody else has been publishing there for a minute"; }
can_lock() { command -v flock >/dev/null 2>&1; }

if can_lock; then exec 8>>"$models/.deploy.lock"; locked 8; fi
# A folder that is not there is made aside: while it has no model, one for all symbols may serve.
home=$models/$symbol
[ -d "$home" ] || { home=$stage/folder; mkdir "$home"; }
cd "$home"
if can_lock; then exec 9>>.publish.lock; locked 9; fi

# What a run that was ended has left: its copy of the old model counts if the new one does.
if [ -d .previous.new ]; then
  kept=$(name_of .previous.new)
  now=$(name_of .)
  if [ "$kept" = "$now" ]; then rm -rf .previous.new; else keep_previous; fi
fi
rm -rf .previous.part
find "$models" -maxdepth 1 -type d -name '.deploy.*' -mmin +60 -exec rm -rf {} + 2>/dev/null || :

if [ "$task" = rollback ]; then
  is_whole previous || fail 96 "no previous model"
  for file in previous/*; do cp "$file" "$stage/"; done
else
  (cd "$stage" && sums -c SHA256SUMS >/dev/null 2>&1) || fail 95 "files did not arrive as they were sent"
fi
is_whole "$stage" || fail 95 "files did not arrive as they were sent"
backend=$backend_ sha=$sha_
old=$(word . sha256)
now=$(name_of .)
sent=$(name_of "$stage")
if [ "$now" = "$sent" ]; then
  result=same
else
  result=installed
  if [ -n "$now" ]; then
    is_whole .
    mkdir .previous.part
    cp "$onnx_" ".previous.part/${backend_}_filter.onnx"
    cp "$json_" ".previous.part/${backend_}_filter.json"
    cp active.json .previous.part/
    if [ -f training_log.json ]; then cp training_log.json .previous.part/; fi
    mv .previous.part .previous.new
  fi
  aside=${backend}_filter.$(short "$sha")
  mv "$stage/${backend}_filter.onnx" "$aside.onnx"
  mv "$stage/${backend}_filter.json" "$aside.json"
  cp "$stage/active.json" .active.json.part
  to_disk "$aside.onnx" "$aside.json" .active.json.part .
  mv .active.json.part active.json # this is the act of publishing
  to_disk .
fi
aside=${backend}_filter.$(short "$sha")
for ending in onnx json; do
  if [ -f "$aside.$ending" ]; then mv "$aside.$ending" "${backend}_filter.$ending"; fi
done
if [ -f "$stage/training_log.json" ]; then mv "$stage/training_log.json" training_log.json; fi
if [ -d .previous.new ]; then keep_previous; fi
rm -f ./*_filter.????????????????.onnx ./*_filter.????????????????.json
is_whole . && [ "$sha_" = "$sha" ] || fail 95 "what is there now is not what was sent"
[ "$home" = "$models/$symbol" ] || { mv "$home" "$models/$symbol"; to_disk "$models"; }
printf 'cointrader %s %s %s %s\n' "$result" "$backend" "$sha" "${old:-none}"
