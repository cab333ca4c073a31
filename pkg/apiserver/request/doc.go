// Package request holds the words that the steps of a request's chain share:
// who asks (User), for what (Info), what admission is asked about
// (Attributes), and what travels in the request's context.
//
// It decides nothing. The chain fills the values in the order in which it runs;
// a step may read what an earlier one has set. Values are written by one
// goroutine, the request's own, and are read-only once the next step runs.
package request
