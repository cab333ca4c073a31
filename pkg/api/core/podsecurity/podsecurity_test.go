package podsecurity

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

// podOf decodes a pod, strictly.
func podOf(t *testing.T, text string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	if err := yaml.UnmarshalStrict([]byte(text), pod); err != nil {
		t.Fatal(err)
	}
	if pod.Spec.SecurityContext == nil {
		pod.Spec.SecurityContext = &corev1.PodSecurityContext{}
	}
	return pod
}

// validate checks all that the package checks of a pod.
func validate(pod *corev1.Pod) (errs field.ErrorList) {
	path := field.NewPath("spec")
	errs = append(errs, Annotations(pod.Annotations, &pod.Spec, field.NewPath("metadata", "annotations"))...)
	errs = append(errs, Pod(&pod.Spec, path.Child("securityContext"))...)
	for i := range pod.Spec.Containers {
		errs = append(errs, Container(&pod.Spec, pod.Spec.Containers[i].SecurityContext, path.Child("containers").Index(i).Child("securityContext"))...)
	}
	errs = append(errs, HostProcess(&pod.Spec, path)...)
	errs = append(errs, HostUsers(&pod.Spec, path)...)
	errs = append(errs, OS(&pod.Spec, path)...)
	return append(errs, Agreement(pod.Annotations, &pod.Spec, path)...)
}

// TestValidate holds the words that kube-apiserver 1.37 answers with.
func TestValidate(t *testing.T) {
	const sysctl = `^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`
	for text, want := range map[string][]string{
		`spec: {containers: [{name: c}]}`: nil,
		`spec: {securityContext: {runAsUser: -1}}`: {
			`spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive`},
		`spec: {securityContext: {sysctls: [{name: a b}, {name: net.core.somaxconn}, {name: net.core.somaxconn}]}}`: {
			`spec.securityContext.sysctls[0].name: Invalid value: "a b": must have at most 253 characters and match regex ` + sysctl,
			`spec.securityContext.sysctls[2].name: Duplicate value: "net.core.somaxconn"`},
		`spec: {hostNetwork: true, securityContext: {sysctls: [{name: net.core.somaxconn}]}}`: {
			`spec.securityContext.sysctls[0].name: Invalid value: "net.core.somaxconn": may not be specified when 'hostNetwork' is true`},
		`spec: {hostIPC: true, securityContext: {sysctls: [{name: kernel/shmmax}]}}`: {
			`spec.securityContext.sysctls[0].name: Invalid value: "kernel/shmmax": may not be specified when 'hostIPC' is true`},
		`spec: {securityContext: {seLinuxChangePolicy: Z}}`: {
			`spec.securityContext.seLinuxChangePolicy: Unsupported value: "Z": supported values: "MountOption", "Recursive"`},
		`spec: {securityContext: {seccompProfile: {type: X, localhostProfile: p}}}`: {
			`spec.securityContext.seccompProfile.type: Unsupported value: "X": supported values: "Localhost", "RuntimeDefault", "Unconfined"`,
			`spec.securityContext.seccompProfile.localhostProfile: Invalid value: {"Type":"X","LocalhostProfile":"p"}: can only be set when seccomp type is Localhost`},
		`spec: {containers: [{name: c, securityContext: {appArmorProfile: {type: Localhost, localhostProfile: " p"}}}]}`: {
			`spec.containers[0].securityContext.appArmorProfile.localhostProfile: Invalid value: " p": must not be padded with whitespace`},
		`spec: {containers: [{name: c, securityContext: {procMount: Unmasked}}]}`: {
			"spec.containers[0].securityContext.procMount: Invalid value: \"Unmasked\": `hostUsers` must be false to use `Unmasked`"},
		`spec: {containers: [{name: c, securityContext: {windowsOptions: {runAsUserName: 'a\b\c'}}}]}`: {
			`spec.containers[0].securityContext.windowsOptions.runAsUserName: Invalid value: "a\\b\\c": runAsUserName cannot contain more than one backslash`},
		`spec: {containers: [{name: c, securityContext: {windowsOptions: {runAsUserName: '.d\a*b', gmsaCredentialSpec: ""}}}]}`: {
			`spec.containers[0].securityContext.windowsOptions.gmsaCredentialSpec: Invalid value: "": gmsaCredentialSpec cannot be an empty string`,
			`spec.containers[0].securityContext.windowsOptions.runAsUserName: Invalid value: ".d\\a*b": runAsUserName's Domain doesn't match the NetBios nor the DNS format`,
			`spec.containers[0].securityContext.windowsOptions.runAsUserName: Invalid value: ".d\\a*b": runAsUserName's User cannot contain the following characters: "/\:;|=,+*?<>@[]`},
		`spec: {containers: [{name: c, securityContext: {windowsOptions: {hostProcess: true}}}, {name: d}]}`: {
			`spec: Invalid value: "": If pod contains any hostProcess containers then all containers must be HostProcess containers`,
			`spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers`,
			`spec: Forbidden: hostProcess containers are disallowed by cluster policy`},
		`spec: {securityContext: {windowsOptions: {hostProcess: false}}, containers: [{name: c, securityContext: {windowsOptions: {hostProcess: false}}}]}`: nil,
		`spec: {hostUsers: false, hostNetwork: true, hostPID: true, containers: [{name: c, volumeDevices: [{name: v}]}]}`: {
			"spec.hostNetwork: Forbidden: when `hostUsers` is false", "spec.HostPID: Forbidden: when `hostUsers` is false",
			"spec.containers[0].volumeDevices: Forbidden: when `hostUsers` is false"},
		`spec: {os: {name: foo}}`: {`spec.os: Unsupported value: "foo": supported values: "linux", "windows"`},
		`spec: {os: {name: linux}, containers: [{name: c, securityContext: {windowsOptions: {}}}]}`: {
			`spec.containers[0].securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod`},
		`spec: {os: {name: windows}, hostPID: true, securityContext: {runAsUser: 1}, containers: [{name: c, securityContext: {capabilities: {}}}]}`: {
			`spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod`, `spec.hostPID: Forbidden: cannot be set for a windows pod`,
			`spec.containers[0].securityContext.capabilities: Forbidden: cannot be set for a windows pod`},
		`metadata: {annotations: {seccomp.security.alpha.kubernetes.io/pod: x, container.seccomp.security.alpha.kubernetes.io/c: localhost/../y}}`: {
			`metadata.annotations.seccomp.security.alpha.kubernetes.io/pod: Invalid value: "x": must be a valid seccomp profile`,
			`metadata.annotations.container.seccomp.security.alpha.kubernetes.io/c: Invalid value: "../y": must not contain '..'`},
		`metadata: {annotations: {container.apparmor.security.beta.kubernetes.io/c: foo}}`: {
			`metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: Invalid value: "c": container not found`,
			`metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: Invalid value: "foo": invalid AppArmor profile name: "foo"`},
		`{metadata: {annotations: {seccomp.security.alpha.kubernetes.io/pod: unconfined}}, spec: {securityContext: {seccompProfile: {type: RuntimeDefault}}}}`: {
			`spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match`},
		`{metadata: {annotations: {container.apparmor.security.beta.kubernetes.io/c: localhost/a}}, spec: {containers: [{name: c, securityContext: {appArmorProfile: {type: Localhost, localhostProfile: b}}}]}}`: {
			`spec.containers[0].securityContext.appArmorProfile.localhostProfile: Forbidden: apparmor profile in annotation and field must match`},
	} {
		var got []string
		for _, err := range validate(podOf(t, text)) {
			got = append(got, err.Error())
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: got\n\t%s\nwant\n\t%s", text, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
}

// TestAdoptAppArmor is what a kubelet that knows only the field relies on.
func TestAdoptAppArmor(t *testing.T) {
	pod := podOf(t, `{metadata: {annotations: {
  container.apparmor.security.beta.kubernetes.io/a: localhost/p, container.apparmor.security.beta.kubernetes.io/b: runtime/default,
  container.apparmor.security.beta.kubernetes.io/c: unconfined, container.apparmor.security.beta.kubernetes.io/d: nope}},
spec: {securityContext: {appArmorProfile: {type: RuntimeDefault}},
  containers: [{name: a}, {name: b}, {name: c, securityContext: {appArmorProfile: {type: Unconfined}}}, {name: d}]}}`)
	outdated := AdoptAppArmor(pod.Annotations, &pod.Spec)
	if got := strings.Join(outdated, " "); got != appArmorKey+"a "+appArmorKey+"d" {
		t.Errorf("outdated: %s", got)
	}
	c := pod.Spec.Containers
	if p := c[0].SecurityContext; p == nil || *p.AppArmorProfile.LocalhostProfile != "p" {
		t.Errorf("a: %+v", p)
	}
	if c[1].SecurityContext != nil || c[3].SecurityContext != nil {
		t.Error("what the pod's profile says, or nothing does, is adopted")
	}
}
