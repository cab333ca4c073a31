// Package fairness decides which requests run when more come than the server
// can take at once.
//
// Each request belongs to a flow, the user who sends it, and to a level, by the
// FlowSchemas that are stored (schemas.go, rules.go). The server has a number of
// seats. Two rules share them out (dispatcher.go):
//
//   - Between levels: a level may use any free seat but those that others
//     reserve, so a flood of lists never keeps a node's Lease from being renewed.
//   - Within a level: a free seat goes to the flow that has the fewest, so a
//     user who sends a thousand requests waits behind one who sends a single one.
//
// What finds no seat waits in a queue of its flow, which is bounded in length and
// time. Beyond either a request is turned away, and its client told to come
// again in a second.
//
//	class := schemas.Classify(user, info)
//	leave, err := limiter.Enter(ctx, class, user, info) // blocks while the request waits
//	if err != nil { 429 }
//	defer leave()                                  // or earlier: a watch once it is going
//
// https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
package fairness
