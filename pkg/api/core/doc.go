// Package core defines the resources of the core group, v1.
//
// A file is a kind. What pods share with the templates that other kinds carry
// (defaults and validation of a pod spec) is in the package podspec.
package core
