// Package standalone runs single binaries by hand, as a person does who wants
// one part of slowmo beside parts of something else: bin/apiserver alone with
// upstream's flags, killed while it is written to, and every binary with flags
// that cannot be.
package standalone
