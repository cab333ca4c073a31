// Package clients runs what others build upon - client-go's informers, leader
// election, retrying watches, pagers, mappers and apply configurations - against
// a real API server that is killed and started again, and over connections that
// break. What one request does is tested beside pkg/apiserver.
package clients
