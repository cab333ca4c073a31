// Package arch holds the house's rules as tests: which package may import which,
// how large a file may be, what each package must say of itself.
package arch

import (
	"bufio"
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the repository's folder, seen from this package's.
const root = "../.."

// file is one Go file of the project.
type file struct {
	name    string // from the root, with slashes
	dir     string // its folder, "pkg/storage"
	test    bool
	lines   int
	imports []string
	doc     string // the package comment
	longest int    // lines of the longest function
	where   string // that function's name
}

func TestImportsRunOneWay(t *testing.T) {
	rules := []struct{ from, mayNot string }{
		{"pkg/", "slowmo/cmd/"},
		{"pkg/api/", "slowmo/pkg/(storage|apiserver|etcd|controller|scheduler|kubelet|proxy|network|cluster|component)\\b"},
		{"pkg/storage/", "net/http$|slowmo/pkg/(apiserver|controller|scheduler|kubelet|proxy|cluster)\\b"},
		{"pkg/etcd/", "slowmo/pkg/(apiserver|controller|scheduler|kubelet|proxy|cluster)\\b"},
		{"pkg/apiserver/", "slowmo/pkg/(controller|scheduler|kubelet|proxy|network|cluster)\\b"},
		{"pkg/apiserver/fieldmanager/", "net/http$|slowmo/pkg/(storage|apiserver/(rest|wire|request))\\b"},
		{"pkg/apiserver/eviction/", "slowmo/pkg/apiserver\\b"},
		{"pkg/controller/", "slowmo/pkg/(api|apiserver|storage|etcd|scheduler|kubelet|proxy|network|cluster)\\b"},
		{"pkg/scheduler/", "slowmo/pkg/(api|apiserver|storage|etcd|controller|kubelet|proxy|network|cluster)\\b"},
		{"pkg/scheduler/core/", "k8s.io/client-go/|^time$|^sync$|slowmo/pkg/component"},
		{"pkg/kubelet/", "slowmo/pkg/(api|apiserver|storage|etcd|controller|scheduler|proxy|cluster)\\b"},
		{"pkg/proxy/", "slowmo/pkg/(api|apiserver|storage|etcd|controller|scheduler|kubelet|cluster)\\b"},
		{"pkg/component/", "slowmo/pkg/(api|apiserver|storage|etcd|controller|scheduler|kubelet|proxy|network|cluster)\\b"},
		{"", "^k8s.io/kubernetes\\b|^sigs.k8s.io/controller-runtime\\b"},
	}
	apiserverAllowed := regexp.MustCompile(`^k8s.io/apiserver/pkg/cel\b|^k8s.io/apiextensions-apiserver/pkg/(apiserver/schema|apis/apiextensions)\b`)
	for _, f := range goFiles(t) {
		for _, imported := range f.imports {
			for _, rule := range rules {
				if strings.HasPrefix(f.name, rule.from) && regexp.MustCompile(rule.mayNot).MatchString(imported) && !f.test {
					t.Errorf("%s imports %s: %s may not", f.name, imported, rule.from)
				}
			}
			if regexp.MustCompile(`^k8s.io/(apiserver|apiextensions-apiserver)/`).MatchString(imported) && !apiserverAllowed.MatchString(imported) {
				t.Errorf("%s imports %s: only CEL, the schemas and the types that they are about are ours to use", f.name, imported)
			}
		}
	}
}

func TestEachPackageHasOneComment(t *testing.T) {
	comments := map[string][]string{}
	for _, f := range goFiles(t) {
		if _, seen := comments[f.dir]; !seen && !f.test {
			comments[f.dir] = nil
		}
		if f.doc != "" && !f.test {
			comments[f.dir] = append(comments[f.dir], f.name)
		}
	}
	for dir, files := range comments {
		if len(files) != 1 {
			t.Errorf("%s has %d package comments %q; write one that says what it is for and what it promises", dir, len(files), files)
		}
	}
}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.lines > 600 {
			t.Errorf("%s has %d lines: is it one idea?", f.name, f.lines)
		}
		if strings.HasPrefix(f.name, "cmd/") && path.Base(f.name) == "main.go" && f.lines > 60 {
			t.Errorf("%s has %d lines: a main parses flags and calls Run", f.name, f.lines)
		}
		if f.longest > 100 && !f.test {
			t.Errorf("%s: %s has %d lines: it does not fit a screen", f.name, f.where, f.longest)
		}
	}
}

func TestNothingSpeaksOfTheUnfinished(t *testing.T) {
	unfinished := regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)
	skips := regexp.MustCompile(`\bt\.Skip(f|Now)?\(`)
	for _, f := range goFiles(t) {
		if f.name == "test/arch/arch_test.go" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, f.name))
		if err != nil {
			t.Fatal(err)
		}
		if match := unfinished.Find(text); match != nil {
			t.Errorf("%s holds %s", f.name, match)
		}
		if f.test && skips.Match(text) {
			t.Errorf("%s skips a test", f.name)
		}
	}
}

// goFiles reads all Go files of the project.
func goFiles(t *testing.T) []file {
	t.Helper()
	var files []file
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "bin" || strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".." && name != root):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		f, err := readFile(name)
		if err == nil {
			files = append(files, f)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("only %d files found below %s", len(files), root)
	}
	return files
}

func readFile(name string) (file, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return file{}, err
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, name, text, parser.ParseComments)
	if err != nil {
		return file{}, err
	}
	rel, err := filepath.Rel(root, name)
	if err != nil {
		return file{}, err
	}
	f := file{name: filepath.ToSlash(rel), test: strings.HasSuffix(name, "_test.go"), doc: parsed.Doc.Text()}
	f.dir = path.Dir(f.name)
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		f.lines++
	}
	for _, spec := range parsed.Imports {
		f.imports = append(f.imports, strings.Trim(spec.Path.Value, `"`))
	}
	for _, decl := range parsed.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok {
			if n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line; n > f.longest {
				f.longest, f.where = n, fn.Name.Name
			}
		}
	}
	return f, nil
}
