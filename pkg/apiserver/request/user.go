package request

import "slices"

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
