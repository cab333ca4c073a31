package apiserver

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// senderEnv makes the test's binary a sender.
const senderEnv = "SLOWMO_TEST_SENDER"

// sender is a client in a process of its own, so that what a request costs this
// one is what it costs the server.
type sender struct {
	in  io.Writer
	out *bufio.Reader
	dir string
}

func newSender(tb testing.TB) *sender {
	tb.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), senderEnv+"=1")
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := command.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		in.Close()
		if err := command.Wait(); err != nil {
			tb.Errorf("the sender: %v", err)
		}
	})
	return &sender{in: in, out: bufio.NewReader(out), dir: tb.TempDir()}
}

// put stores a body for send.
func (s *sender) put(tb testing.TB, body string) {
	tb.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "body"), []byte(body), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// send has the body sent and returns the code of the answer.
func (s *sender) send(tb testing.TB, method, path, contentType string) (code int) {
	tb.Helper()
	fmt.Fprintf(s.in, "%s %s %s %s\n", method, server.url+path, contentType, filepath.Join(s.dir, "body"))
	if _, err := fmt.Fscanln(s.out, &code); err != nil {
		tb.Fatal(err)
	}
	return code
}

// sendAll is the sender's process: it sends what the lines of its input say.
func sendAll() error {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	for {
		var method, url, contentType, file string
		if _, err := fmt.Scanln(&method, &url, &contentType, &file); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		body, err := os.Open(file)
		if err != nil {
			return err
		}
		r, err := http.NewRequest(method, url, body)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer admin-token")
		r.Header.Set("Content-Type", contentType)
		resp, err := client.Do(r)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if err := resp.Body.Close(); err != nil {
			return err
		}
		if err != nil {
			return err
		}
		fmt.Println(resp.StatusCode)
	}
}
