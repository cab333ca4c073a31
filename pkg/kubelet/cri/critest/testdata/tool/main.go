// Command tool is what the containers of tests run: it does what its first
// argument says. "running" in its log means that it is ready for signals.
package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{"run"}
	}
	switch args[0] {
	case "run": // until TERM
		term := make(chan os.Signal, 1)
		signal.Notify(term, syscall.SIGTERM)
		fmt.Println("running")
		<-term
	case "stubborn": // until KILL
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("running")
		time.Sleep(time.Hour) // select {} would be reported as a deadlock
	case "exit":
		code, _ := strconv.Atoi(args[1])
		fmt.Println("bye")
		os.Exit(code)
	case "echo":
		fmt.Println(strings.Join(args[1:], " "))
	case "cat":
		_, _ = io.Copy(os.Stdout, os.Stdin)
	}
}
