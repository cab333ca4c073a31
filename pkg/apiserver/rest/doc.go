// Package rest serves the verbs of Kubernetes' resources: get, list, watch,
// create, update, patch, delete and deletecollection, of objects and their
// subresources, over storage.
//
// What is particular to a kind is in its api.Resource; everything here holds for
// all kinds. A request arrives with its State set (who, what, authorized). An endpoint is
// one resource in one version; its verbs are a file each.
//
// A write takes these steps, in write.go, in this order:
//
//	decode -> default -> track fields -> mutating admission -> prepare
//	-> validate -> validating admission -> storage
//
// An update takes them on the object that storage holds at that moment, and
// again if another write came first. Dry runs take all but the last.
//
// Guarantees: reads never decode (bytes come from the record cache); an answer to
// a write is the object as it was committed; errors are API Statuses.
//
// https://kubernetes.io/docs/reference/using-api/api-concepts/
package rest
