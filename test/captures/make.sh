#!/usr/bin/env bash
# make.sh [-keep DIR] [NAME.pcap...]: takes the captures of this folder anew,
# all or those named, with real programs in network namespaces, and writes down
# what tshark reads in them. Needs root and what `make deps` installs.
set -euo pipefail
cd "$(dirname "$0")/../.."
go run ./test/captures/gen -out test/captures "$@"
go test -count=1 -run '^TestExpectationsAreWhatTsharkReads$' ./test/oracle -update
