// Package linear tests what the API server promises to clients that write, read
// and watch at the same time, while servers are killed and started again and
// while their caches get etcd's news late.
//
// Several clients work on a few config maps and record each request with the time at
// which it was sent and answered; watchers record what they were sent. Then
// three judges look at the record:
//
//	porcupine:   the requests on each object have one order that explains all answers
//	             and in which none that ended before another began comes after it
//	writes:      what was acknowledged is in etcd's history once, as it was said to be,
//	             and in the order in which it happened, whichever object it was
//	views:       each list is the state at its resourceVersion; each watch is the
//	             history after its start as its selector sees it: in order,
//	             each change once, none missing, and bookmarks are true
//
// The history is read from etcd itself, after the end.
package linear
