// Package service defines the resource services of the core group.
//
// service.go is the definition, its defaults and table; prepare.go is what
// updates keep and drop; validation.go and addresses.go are the rules.
package service
