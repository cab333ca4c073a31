package cri

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// IsNotFound tells whether the runtime does not have what was asked about.
func IsNotFound(err error) bool { return status.Code(err) == codes.NotFound && err != nil }

// Message is an error's text without gRPC's "rpc error: code = ... desc =" frame,
// for events and status messages.
func Message(err error) string {
	if err == nil {
		return ""
	}
	if s, ok := status.FromError(err); ok {
		return s.Message()
	}
	return err.Error()
}
