package storage

import (
	"fmt"
	"strings"

	"slowmo/pkg/api"
)

// Where things are, exactly as kube-apiserver lays them out:
//
//	/registry/<storage path>/<namespace>/<name>
//	/registry/<storage path>/<name>               without a namespace
//
// The storage path is the plural but for upstream's exceptions, which a
// Resource's StoragePath names.
const root = "/registry/"

// prefixOf returns what the keys of r's objects begin with, "/registry/pods/".
func prefixOf(r *api.Resource) string {
	path := r.StoragePath
	if path == "" {
		path = r.Plural
	}
	return root + path + "/"
}

// key returns the key of an object of c.
func (c *Collection) key(namespace, name string) (string, error) {
	if name == "" || strings.Contains(name, "/") || strings.Contains(namespace, "/") {
		return "", fmt.Errorf("storage: %q in namespace %q cannot be a key of %s", name, namespace, c.resource.Plural)
	}
	if c.resource.Namespaced != (namespace != "") {
		return "", fmt.Errorf("storage: namespace %q does not fit %s %q", namespace, c.resource.Plural, name)
	}
	if namespace == "" {
		return c.prefix + name, nil
	}
	return c.prefix + namespace + "/" + name, nil
}

// Key returns the key of an object of c, as upstream's errors show it; "" of a
// name that cannot have one.
func (c *Collection) Key(namespace, name string) string {
	key, _ := c.key(namespace, name)
	return key
}

// within returns what the keys of one namespace begin with; all of c's for "".
func (c *Collection) within(namespace string) string {
	if namespace == "" {
		return c.prefix
	}
	return c.prefix + namespace + "/"
}

// split is the reverse of key. The results share key's memory.
func (c *Collection) split(key string) (namespace, name string) {
	rest := key[len(c.prefix):]
	if i := strings.LastIndexByte(rest, '/'); i >= 0 && c.resource.Namespaced {
		return rest[:i], rest[i+1:]
	}
	return "", rest
}

// locate returns the collection that key belongs to, or nil: a storage path has
// one part ("pods") or two ("services/specs", "example.com/widgets").
func (s *Store) locate(key string) *Collection {
	if !strings.HasPrefix(key, root) {
		return nil
	}
	end := len(root)
	for range 2 {
		i := strings.IndexByte(key[end:], '/')
		if i < 0 {
			return nil
		}
		end += i + 1
		if c := s.byPrefix[key[:end]]; c != nil {
			return c
		}
	}
	return nil
}
