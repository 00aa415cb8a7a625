//go:build unix

package doku

import (
	"errors"
	"net"
	"syscall"
)

// peek looks at a socket. It takes nothing off it and waits for nothing.
func peek(conn net.Conn) rest {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return hidden
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return hidden
	}
	found := hidden
	err = raw.Read(func(fd uintptr) bool {
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			found = nothing
		case err != nil || n == 0:
			found = ended
		default:
			found = surplus
		}
		return true
	})
	if err != nil {
		return ended
	}
	return found
}
