package component

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// fileKB is how much of the files that this process has mapped is resident.
func fileKB(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb
}

func TestReleaseStartupGivesPagesBack(t *testing.T) {
	before := fileKB(t)
	if err := releaseStartup(); err != nil {
		t.Fatal(err)
	}
	if after := fileKB(t); after > before*3/4 {
		t.Errorf("%d kB of the binary resident, %d kB before", after, before)
	}
}
