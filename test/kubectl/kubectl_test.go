package kubectl

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"slowmo/test/kinds"
)

// TestLife takes an object of every kind through all that a person does with it.
func TestLife(t *testing.T) {
	each(t, func(t *testing.T, c *cli) {
		c.everyKind(t, "created", "apply")
		c.everyKind(t, "unchanged", "apply")
		c.everyKind(t, "labeled", "label", "step=labeled")
		c.everyKind(t, "annotated", "annotate", "step=annotated")
		c.everyKind(t, "patched", "patch", "-p", `{"metadata":{"labels":{"patched":"yes"}}}`, "--type=merge")
		c.everyKind(t, "edited", "edit")
		c.diff(t)
		c.everyKind(t, "configured", "apply")
		c.everyKind(t, "serverside-applied", "apply", "--server-side", "--force-conflicts")
		c.read(t)
		c.remove(t)
	})
}

// diff compares what there is with what is wanted: first the same, then not.
func (c *cli) diff(t *testing.T) {
	t.Helper()
	if out, stderr, code := c.run(t, "diff", "-f", c.file); code != 0 {
		t.Errorf("diff of what was applied ended with %d: %s\n%s", code, out, stderr)
	}
	c.file = c.write(t, "all.yaml", func(k kinds.Kind) bool {
		k.Object.SetLabels(map[string]string{"wanted": "yes"})
		return true
	})
	out, stderr, code := c.run(t, "diff", "-f", c.file)
	if added := strings.Count(out, "\n+    wanted: \"yes\"\n"); code != 1 || added != len(c.kinds) {
		t.Errorf("diff ended with %d and showed %d changes of %d:\n%s", code, added, len(c.kinds), stderr)
	}
}

// read gets and describes every object, and looks that each step left its trace.
func (c *cli) read(t *testing.T) {
	t.Helper()
	var list struct {
		Items []struct {
			Kind     string
			Metadata struct {
				Name                string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(c.ok(t, "get", "-f", c.file, "-o", "yaml")), &list); err != nil {
		t.Fatal(err)
	}
	for i, k := range c.kinds {
		if i >= len(list.Items) {
			t.Fatalf("get returned %d objects of %d", len(list.Items), len(c.kinds))
		}
		got := list.Items[i]
		if got.Kind != k.Kind || got.Metadata.Labels["step"] != "labeled" || got.Metadata.Labels["patched"] != "yes" ||
			got.Metadata.Labels["wanted"] != "yes" || got.Metadata.Annotations["step"] != "edited" {
			t.Errorf("%s: %+v", k.Kind, got)
		}
	}
	c.table(t)
	c.describe(t)
}

// table looks for a table with the columns of every kind.
func (c *cli) table(t *testing.T) {
	t.Helper()
	headers := map[string]bool{}
	for line := range strings.Lines(c.ok(t, "get", "-f", c.file)) {
		headers[strings.Join(strings.Fields(line), " ")] = true
	}
	for _, k := range c.kinds {
		header := "NAME CREATED AT"
		if k.Columns != nil {
			var names []string
			for _, column := range k.Columns {
				if column.Priority == 0 {
					names = append(names, strings.ToUpper(column.Name))
				}
			}
			header = strings.Join(names, " ")
		}
		if !headers[header] {
			t.Errorf("get %s has no table with %s", k.Plural, header)
		}
	}
}

// beta are the kinds that a kubectl describes by asking for beta versions of them,
// which no server of 1.37 has.
var beta = map[string][]string{
	debian: {"CronJob", "EndpointSlice", "PodDisruptionBudget"},
	system: {"IPAddress", "ServiceCIDR", "VolumeAttributesClass"},
}

func (c *cli) describe(t *testing.T) {
	t.Helper()
	described := 0
	file := c.write(t, "described.yaml", func(k kinds.Kind) bool {
		if slices.Contains(beta[c.name], k.Kind) {
			return false
		}
		described++
		return true
	})
	out := "\n" + c.ok(t, "describe", "-f", file)
	if n := strings.Count(out, "\nName:"); n != described {
		t.Errorf("describe shows %d objects of %d:\n%s", n, described, out)
	}
}

// remove deletes every object. Some stay until a controller lets go of them.
func (c *cli) remove(t *testing.T) {
	t.Helper()
	c.ok(t, "delete", "configmap/demo")
	out := c.ok(t, "delete", "--wait=false", "--ignore-not-found", "-f", c.file)
	if n := strings.Count(out, " deleted"); n != len(c.kinds)-1 {
		t.Errorf("delete speaks of %d objects of %d:\n%s", n, len(c.kinds)-1, out)
	}
	if out := c.ok(t, "get", "configmaps,deployments,roles", "-o", "name"); out != "" {
		t.Errorf("left: %s", out)
	}
}

// TestWait waits for a condition that somebody else sets.
func TestWait(t *testing.T) {
	each(t, func(t *testing.T, c *cli) {
		c.ok(t, "apply", "-f", c.write(t, "node.yaml", func(k kinds.Kind) bool { return k.Kind == "Node" }))
		if _, _, code := c.run(t, "wait", "--for=condition=Ready", "node/demo", "--timeout=1s"); code != 1 {
			t.Errorf("wait for what does not come ended with %d", code)
		}
		ended := make(chan string, 1)
		go func() {
			out, stderr, code := c.run(t, "wait", "--for=condition=Ready", "node/demo", "--timeout=60s")
			ended <- fmt.Sprint(code, " ", out, stderr)
		}()
		status := `{"status":{"conditions":[{"type":"Ready","status":"True"}]}}`
		err := c.server.Client(t).CoreV1().RESTClient().Patch("application/merge-patch+json").AbsPath("/api/v1/nodes/demo/status").
			Body([]byte(status)).Do(t.Context()).Error()
		if err != nil {
			t.Fatal(err)
		}
		if got := <-ended; got != "0 node/demo condition met\n" {
			t.Errorf("wait ended with %s", got)
		}
	})
}

// TestExplain: the fields of every kind are explained to their ends.
func TestExplain(t *testing.T) {
	each(t, func(t *testing.T, c *cli) {
		for _, k := range c.kinds {
			version := k.GroupVersionKind().GroupVersion().String()
			out := c.ok(t, "explain", k.Plural, "--api-version="+version, "--recursive")
			for _, want := range []string{"KIND: ", k.Kind, "FIELDS:", "metadata", "managedFields", "subresource"} {
				if !strings.Contains(out, want) {
					t.Errorf("explain %s of %s does not speak of %s:\n%.500s", k.Plural, version, want, out)
				}
			}
		}
		if out := c.ok(t, "explain", "pods.spec.containers.resources"); !strings.Contains(out, "limits") {
			t.Errorf("explain a field: %s", out)
		}
	})
}

// TestDiscovery: what there is, and who may do what.
func TestDiscovery(t *testing.T) {
	each(t, func(t *testing.T, c *cli) {
		out := c.ok(t, "api-resources", "-o", "wide", "--no-headers")
		for _, k := range c.kinds {
			if !hasResource(out, k) {
				t.Errorf("api-resources does not list %s with %v %s:\n%s", k.Plural, k.ShortNames, k.Kind, out)
			}
			if c.name != ours {
				continue // one that asks is like the other
			}
			if out := c.ok(t, "auth", "can-i", "create", k.GroupResource().String()); out != "yes\n" {
				t.Errorf("the administrator may not create %s: %s", k.Plural, out)
			}
		}
		if out, _, code := c.run(t, "auth", "can-i", "get", "secrets", "--as=nobody"); code != 1 || !strings.HasPrefix(out, "no") {
			t.Errorf("nobody may read secrets: %d %s", code, out)
		}
		if out := c.ok(t, "auth", "can-i", "--list", "--as=nobody"); !strings.Contains(out, "/healthz") {
			t.Errorf("what nobody may do: %s", out)
		}
		if out := c.ok(t, "api-versions"); !strings.Contains(out, "apps/v1\n") || !strings.HasSuffix(out, "\nv1\n") {
			t.Errorf("api-versions: %s", out)
		}
		if out := c.ok(t, "version"); !strings.Contains(out, "1.37") {
			t.Errorf("version: %s", out)
		}
		c.ok(t, "cluster-info")
	})
}

// hasResource says whether a line of api-resources is about k.
func hasResource(out string, k kinds.Kind) bool {
	for line := range strings.Lines(out) {
		columns := strings.Fields(line)
		if columns[0] != k.Plural || !strings.Contains(line, " "+k.GroupVersionKind().GroupVersion().String()+" ") && !strings.Contains(line, " "+k.Group+" ") {
			continue
		}
		if strings.Contains(line, " "+k.Kind+" ") && strings.Contains(line, strings.Join(k.ShortNames, ",")) && strings.Contains(line, fmt.Sprintf(" %t ", k.Namespaced)) {
			return true
		}
	}
	return false
}
