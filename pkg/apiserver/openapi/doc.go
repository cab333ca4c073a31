// Package openapi publishes what the server understands, as OpenAPI documents
// that clients validate, merge and explain objects by.
//
// New makes a handler of three kinds of paths:
//
//	/openapi/v2           one Swagger 2.0 document of everything
//	/openapi/v3           an index of documents, each with its hash
//	/openapi/v3/apis/G/V  one OpenAPI 3.0 document of a group-version, or of a path
//	                      by which clients find out what there is (discovery.go)
//
// each as JSON or as protobuf. Nothing is generated ahead of time: schemas are
// read off the Go types by reflection (models.go), their descriptions off
// SwaggerDoc, how lists are merged off the struct tags and the schema of
// server-side apply (merge.go), what upstream's comments say beside that from
// facts.json, and operations off the resource definitions
// (operations.go, subresources.go). v2.go and v3.go write both forms of the two.
//
// A document is built at the first request for it. What is kept then is its
// bytes, not the tree that they were made from.
//
// https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition
package openapi
