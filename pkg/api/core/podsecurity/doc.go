// Package podsecurity checks as whom the containers of a pod run and what they
// may do on their node: security contexts, profiles of seccomp and AppArmor,
// sysctls, and what of it exists on which operating system. Profiles were
// annotations before they were fields; both have to agree.
//
// https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
package podsecurity
