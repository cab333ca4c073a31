package component

import (
	"fmt"
	"net"
	"os"
)

// Started is called when a component has started and serves. It gives back the
// memory that only starting took, and tells the supervisor, where there is one.
func Started() error {
	ReleaseStartup()
	return notifyReady()
}

// notifyReady tells the supervisor that named a socket in $NOTIFY_SOCKET (systemd
// with Type=notify, slowmo up) that this process serves. Without one it does
// nothing. See sd_notify(3).
func notifyReady() error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	if name[0] == '@' { // an abstract socket
		name = "\x00" + name[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("telling the supervisor that we are ready: %w", err)
	}
	defer conn.Close()
	_, err = conn.Write([]byte("READY=1\n"))
	return err
}
