package spec

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// A sandbox's own process only waits. Upstream runs it under the runtime's default
// profile: more than 300 system calls for each of three architectures, which takes
// runc 10 ms to compile, a tenth of a pod's start. The profile here has what it
// takes to begin, to wait, to reap and to end, with what runc itself calls after
// the filter is in place. It allows less and costs nothing.

// sandboxProfile is its file's name among the Localhost profiles.
const sandboxProfile = "slowmo-sandbox.json"

// sandboxCalls are the system calls of all 64-bit architectures together: runtimes
// pass over the names that theirs does not have.
const sandboxCalls = `
	access arch_prctl brk capget capset chdir clock_getres clock_gettime
	clock_nanosleep clone clone3 close close_range dup dup2 dup3 epoll_create
	epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd2 execve
	execveat exit exit_group faccessat faccessat2 fadvise64 fchdir fchmod fchown
	fchownat fcntl flock fstat fstatfs fsync futex futex_wait futex_wake getcpu
	getcwd getdents getdents64 getegid geteuid getgid getgroups getpgid getpgrp
	getpid getppid getrandom getresgid getresuid getrlimit getrusage getsid gettid
	gettimeofday getuid ioctl kill lseek lstat madvise map_shadow_stack membarrier
	mincore mlock mmap mprotect mremap mseal munlock munmap nanosleep newfstatat
	open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 poll ppoll
	prctl pread64 preadv prlimit64 pselect6 pwrite64 read readlink readlinkat readv
	recvfrom recvmsg restart_syscall riscv_hwprobe rseq rt_sigaction rt_sigpending
	rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
	rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam
	sched_getscheduler sched_yield seccomp sendmsg sendto set_robust_list
	set_tid_address setfsgid setfsuid setgid setgroups setitimer setpgid setregid
	setresgid setresuid setreuid setrlimit setsid setuid shutdown sigaltstack
	signalfd4 stat statfs statx sysinfo tgkill time timer_create timer_delete
	timer_settime timerfd_create timerfd_settime times tkill umask uname wait4
	waitid write writev`

// WriteSandboxProfile writes the profile among those that runtimes read, and returns
// where it is; nothing for a kernel without seccomp.
func WriteSandboxProfile(dir string) (string, error) {
	if _, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); err != nil {
		return "", nil
	}
	type rule struct {
		Names  []string `json:"names"`
		Action string   `json:"action"`
	}
	profile, err := json.Marshal(struct {
		DefaultAction string `json:"defaultAction"`
		// What is not there is what a libc looks for another way after.
		DefaultErrno int    `json:"defaultErrnoRet"`
		Syscalls     []rule `json:"syscalls"`
	}{"SCMP_ACT_ERRNO", int(unix.ENOSYS), []rule{{strings.Fields(sandboxCalls), "SCMP_ACT_ALLOW"}}})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, sandboxProfile)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("seccomp profile of sandboxes: %w", err)
	}
	if err := os.WriteFile(path, profile, 0o644); err != nil {
		return "", fmt.Errorf("seccomp profile of sandboxes: %w", err)
	}
	return path, nil
}

// sandboxSeccomp is under what a sandbox's own process runs. A cautious one has the
// runtime's default, under which every runtime can start it.
func (h *Host) sandboxSeccomp(cautious bool) *runtimeapi.SecurityProfile {
	if h.SandboxProfile == "" || cautious {
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault}
	}
	return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Localhost, LocalhostRef: h.SandboxProfile}
}
