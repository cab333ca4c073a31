package kubelet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slowmo/pkg/component"
)

// parse is a command line's Config, with the text of a --config file if there is one.
func parse(t *testing.T, file string, args ...string) (*Config, error) {
	t.Helper()
	flags := component.NewFlags("kubelet", "test")
	c := NewConfig()
	c.AddTo(flags)
	if file != "" {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if err := c.load(flags.FlagSet); err != nil {
		return nil, err
	}
	if err := c.complete(); err != nil {
		return nil, err
	}
	return c, c.Validate()
}

func TestDefaultsAreValid(t *testing.T) {
	c, err := parse(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if c.NodeName == "" || c.CertDir != "/var/lib/kubelet/pki" || c.Port != 10250 || c.HealthzPort != 10248 {
		t.Errorf("config %+v", c)
	}
}

const head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"

func TestConfigFile(t *testing.T) {
	c, err := parse(t, head+`
port: 1
maxPods: 5
clusterDNS: [10.96.0.10]
healthzPort: 0
containerLogMaxSize: 1Mi
registerWithTaints: [{key: a, value: b, effect: NoSchedule}, {key: c, effect: NoExecute}]
authentication: {x509: {clientCAFile: /ca}, anonymous: {enabled: false}, webhook: {enabled: true}}
authorization: {mode: Webhook}
`, "--max-pods=7")
	if err != nil {
		t.Fatal(err)
	}
	if c.Port != 1 || c.MaxPods != 7 || c.ClusterDNS[0] != "10.96.0.10" || c.HealthzPort != 0 || c.LogMaxSize != 1<<20 || c.ClientCAFile != "/ca" ||
		strings.Join(c.Taints, ",") != "a=b:NoSchedule,c:NoExecute" {
		t.Errorf("config %+v", c)
	}
}

func TestBadConfigurationSaysHowToMendIt(t *testing.T) {
	for _, c := range []struct {
		file string
		args []string
		want string
	}{
		{"", []string{"--runtime=docker"}, `--runtime="docker": use remote or fake`},
		{"", []string{"--fake-nodes=3"}, "--fake-nodes=3 needs --runtime=fake"},
		{"", []string{"--node-ip=x"}, `"x" is not an IP address`},
		{"", []string{"--root-dir=rel"}, "give an absolute path"},
		{"", []string{"--max-pods=0"}, "--max-pods=0: give 1 or more"},
		{"", []string{"--register-with-taints=a=b:Never"}, `"a=b:Never" is not KEY=VALUE:EFFECT`},
		{"", []string{"--hostname-override=A_B"}, `--hostname-override="A_B"`},
		{"", []string{"--cgroup-driver=x"}, "use cgroupfs or systemd"},
		{"", []string{"--slowmo-bridge=much-too-long-a-name"}, "1 to 15 characters"},
		{"", []string{"--pod-cidr=10.0.0.0"}, "--pod-cidr"},
		{"", []string{"--no-such-flag"}, "unknown flag"},
		{head + "evictionHard: {}", nil, `unknown field "evictionHard"`},
		{"kind: Pod", nil, "write kind: KubeletConfiguration"},
		{head + "authentication: {anonymous: {enabled: true}}", nil, "anonymous.enabled: true is not supported"},
		{head + "authorization: {mode: AlwaysAllow}", nil, `authorization.mode "AlwaysAllow" is not supported`},
		{head + "containerLogMaxSize: many", nil, `containerLogMaxSize "many"`},
		{head + "imageGCLowThresholdPercent: 90", nil, "must be less than"},
	} {
		_, err := parse(t, c.file, c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v %q: %v, want one line with %q", c.args, c.file, err, c.want)
		}
	}
}
