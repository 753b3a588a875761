# Reads what `cargo test` prints, and says at the end what was run, what failed and what did not run.
#
# A suite that was begun and has no result ended on the way: its tests did not run to the end.

function close_suite() {
  if (open != "") cut[++cuts] = open
  open = ""
}

/^ +Running / || /^ +Doc-tests / {
  close_suite()
  suites++
  open = $0
  sub(/^ +(Running )?/, "", open)
}

/^error: could not compile/ { sub(/^error: /, ""); cut[++cuts] = $0 }

/^test .* \.\.\. ignored/ {
  line = $0
  sub(/^test /, "", line)
  ignored[++ignores] = line
}

/^test .* \.\.\. FAILED/ {
  line = $2
  failed[++failures] = line " in " open
}

/^test result:/ {
  passed += $4
  open = ""
}

END {
  close_suite()
  printf "\n%d tests of %d suites passed, %d failed, %d did not run.\n", passed, suites, failures, ignores
  for (at = 1; at <= failures; at++) print "  failed: " failed[at]
  for (at = 1; at <= ignores; at++) print "  not run: " ignored[at]
  for (at = 1; at <= cuts; at++) print "  not run to its end: " cut[at]
}
