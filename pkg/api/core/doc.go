// Package core defines the resources of the core group, v1.
//
// A file is a kind. Pods and services, the large ones, have packages of their
// own below. What pods share with the templates that other kinds carry is in the
// packages poddefaults and podspec.
package core
