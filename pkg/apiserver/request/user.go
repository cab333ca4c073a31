package request

import (
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
)

// User names and groups that the server itself knows.
const (
	Anonymous            = "system:anonymous"
	GroupUnauthenticated = "system:unauthenticated"
	GroupAuthenticated   = "system:authenticated"
	GroupMasters         = "system:masters"
	GroupNodes           = "system:nodes"
	GroupServiceAccounts = "system:serviceaccounts"

	NodeUserPrefix           = "system:node:"
	ServiceAccountUserPrefix = "system:serviceaccount:"
)

// User is who a request comes from, as authentication found it. It is
// immutable once made.
type User struct {
	Name   string
	UID    string
	Groups []string
	Extra  map[string][]string // keys in lower case; may be nil
}

// In says whether the user is a member of group.
func (u *User) In(group string) bool { return slices.Contains(u.Groups, group) }

// Info returns the user in the form in which the API speaks of users.
func (u *User) Info() authenticationv1.UserInfo {
	info := authenticationv1.UserInfo{Username: u.Name, UID: u.UID, Groups: u.Groups}
	if len(u.Extra) > 0 {
		info.Extra = make(map[string]authenticationv1.ExtraValue, len(u.Extra))
	}
	for key, values := range u.Extra {
		info.Extra[key] = values
	}
	return info
}
