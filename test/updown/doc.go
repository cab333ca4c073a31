// Package updown brings clusters up and down as `make up` and `make down` do,
// also when everything was killed in between, and looks the host over afterwards.
package updown
