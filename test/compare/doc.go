// Package compare sends the same requests to the real kube-apiserver and to ours,
// started with the same flags, and compares their answers: status code, headers and
// body. What must differ from server to server (uids, versions, times, names and
// addresses drawn at random) is masked; anything else that differs fails.
//
// The requests stand in testdata, one topic a file, each file a list of steps:
//
//	# one idea a file; the comment says what
//	- do: POST /api/v1/namespaces/default/pods
//	  body: {apiVersion: v1, kind: Pod, ...}
//	  save: {rv: metadata.resourceVersion}
//	- do: GET /api/v1/pods?resourceVersion=${rv}&watch=1
//	  frames: 2
//	  differs: "upstream prints its Go types"
//
// See [step] for all that a step can say. A file's objects are deleted when it ends,
// so it makes what it needs and uses names of its own.
package compare
