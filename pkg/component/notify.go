package component

import (
	"fmt"
	"net"
	"os"
)

// NotifyReady tells the supervisor that named a socket in $NOTIFY_SOCKET (systemd
// with Type=notify, slowmo up) that this process serves. Without one it does
// nothing. See sd_notify(3).
func NotifyReady() error {
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
