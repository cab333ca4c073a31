package authn

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"slowmo/pkg/apiserver/request"
)

// TokenFile authenticates by tokens from a file that is read once.
//
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#static-token-file
type TokenFile struct {
	// users are found by the hash of the token, which takes as long for a
	// wrong one as for a right one.
	users map[[sha256.Size]byte]*request.User
}

// ReadTokenFile reads lines of token,user,uid and, optionally, a quoted list of
// groups: 31ada4fd,alice,1001,"dev,ops".
func ReadTokenFile(path string) (*TokenFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("token file: %w", err)
	}
	defer file.Close()
	t, err := parseTokens(file)
	if err != nil {
		return nil, fmt.Errorf("token file %s: %w", path, err)
	}
	return t, nil
}

func parseTokens(r io.Reader) (*TokenFile, error) {
	t := &TokenFile{users: map[[sha256.Size]byte]*request.User{}}
	reader := csv.NewReader(r)
	reader.FieldsPerRecord = -1
	reader.TrimLeadingSpace = true
	reader.Comment = '#'
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := reader.FieldPos(0)
		if len(record) < 3 || record[0] == "" || record[1] == "" {
			return nil, fmt.Errorf("line %d: want token,user,uid and optionally \"group1,group2\"", line)
		}
		id := sha256.Sum256([]byte(record[0]))
		if t.users[id] != nil {
			return nil, fmt.Errorf("line %d: this token was given to another user before", line)
		}
		var groups []string
		if len(record) > 3 && record[3] != "" {
			groups = strings.Split(record[3], ",")
		}
		t.users[id] = known(record[1], record[2], groups, nil)
	}
}

// AuthenticateToken knows the tokens of the file.
func (t *TokenFile) AuthenticateToken(_ context.Context, token string, _ []string) (*request.User, []string, error) {
	user := t.users[sha256.Sum256([]byte(token))]
	if user == nil {
		return nil, nil, errBadToken
	}
	return user, nil, nil
}
