package podsecurity

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"slowmo/pkg/api/core/containers"
)

const (
	longestCredentialKiB = 64
	longestDomain        = 256
	longestUser          = 104

	notInUsers = `"/\:;|=,+*?<>@[]`
)

// What names of users and their domains look like on Windows.
var (
	control   = regexp.MustCompile(`[[:cntrl:]]`)
	netBIOS   = regexp.MustCompile(`^[^\\/:\*\?"<>|\.][^\\/:\*\?"<>|]{0,14}$`)
	dnsDomain = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$`)
	onlyDots  = regexp.MustCompile(`^[\. ]+$`)
)

// validateWindows checks what only Windows has.
//
// https://kubernetes.io/docs/tasks/configure-pod-container/configure-runasusername/
func validateWindows(o *corev1.WindowsSecurityContextOptions, path *field.Path) (errs field.ErrorList) {
	if o == nil {
		return nil
	}
	if name := o.GMSACredentialSpecName; name != nil {
		for _, msg := range validation.IsDNS1123Subdomain(*name) {
			errs = append(errs, field.Invalid(path.Child("gmsaCredentialSpecName"), name, msg))
		}
	}
	if spec := o.GMSACredentialSpec; spec != nil {
		switch path := path.Child("gmsaCredentialSpec"); {
		case *spec == "":
			errs = append(errs, field.Invalid(path, spec, "gmsaCredentialSpec cannot be an empty string"))
		case len(*spec) > longestCredentialKiB<<10:
			errs = append(errs, field.Invalid(path, spec, fmt.Sprintf("gmsaCredentialSpec size must be under %d KiB", longestCredentialKiB)))
		}
	}
	if user := o.RunAsUserName; user != nil {
		for _, msg := range userNameProblems(*user) {
			errs = append(errs, field.Invalid(path.Child("runAsUserName"), user, "runAsUserName"+msg))
		}
	}
	return errs
}

// userNameProblems says what is wrong with a user's name, which may have a
// domain before a backslash.
func userNameProblems(name string) (problems []string) {
	switch {
	case name == "":
		return []string{" cannot be an empty string"}
	case control.MatchString(name):
		return []string{" cannot contain control characters"}
	case strings.Count(name, `\`) > 1:
		return []string{" cannot contain more than one backslash"}
	}
	domain, user, hasDomain := strings.Cut(name, `\`)
	if !hasDomain {
		domain, user = "", name
	}
	if len(domain) >= longestDomain {
		problems = append(problems, fmt.Sprintf("'s Domain length must be under %d characters", longestDomain))
	}
	if hasDomain && !netBIOS.MatchString(domain) && !dnsDomain.MatchString(domain) {
		problems = append(problems, "'s Domain doesn't match the NetBios nor the DNS format")
	}
	if user == "" {
		problems = append(problems, "'s User cannot be empty")
	} else if len(user) > longestUser {
		problems = append(problems, fmt.Sprintf("'s User length must not be longer than %d characters", longestUser))
	}
	if onlyDots.MatchString(user) {
		problems = append(problems, "'s User cannot contain only periods or spaces")
	}
	if strings.ContainsAny(user, notInUsers) {
		problems = append(problems, "'s User cannot contain the following characters: "+notInUsers)
	}
	return problems
}

// HostProcess holds that the containers of the spec at path that run as
// processes of a Windows node are all of the pod's, on the node's own network.
//
// https://kubernetes.io/docs/tasks/configure-pod-container/create-hostprocess-pod/
func HostProcess(spec *corev1.PodSpec, path *field.Path) (errs field.ErrorList) {
	var ofPod *bool
	if sc := spec.SecurityContext; sc != nil && sc.WindowsOptions != nil {
		ofPod = sc.WindowsOptions.HostProcess
	}
	all, onHost := 0, 0
	for c, at := range containers.All(spec, path) {
		own := ofPod
		if sc := c.SecurityContext; sc != nil && sc.WindowsOptions != nil && sc.WindowsOptions.HostProcess != nil {
			own = sc.WindowsOptions.HostProcess
			if ofPod != nil && *ofPod != *own {
				errs = append(errs, field.Invalid(at.Child("securityContext", "windowsOptions", "hostProcess"), *own,
					fmt.Sprintf("pod hostProcess value must be identical if both are specified, was %v", *ofPod)))
			}
		}
		all++
		if own != nil && *own {
			onHost++
		}
	}
	if onHost == 0 {
		return errs
	}
	if onHost != all {
		errs = append(errs, field.Invalid(path, "", "If pod contains any hostProcess containers then all containers must be HostProcess containers"))
	}
	if !spec.HostNetwork {
		errs = append(errs, field.Invalid(path.Child("hostNetwork"), spec.HostNetwork, "hostNetwork must be true if pod contains any hostProcess containers"))
	}
	if !AllowPrivileged.Load() {
		errs = append(errs, field.Forbidden(path, "hostProcess containers are disallowed by cluster policy"))
	}
	return errs
}
