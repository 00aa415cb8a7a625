//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// machine says where the figures were taken, with the one that decides about
// "every write": how often the disk can be written through.
func machine(dir string) string {
	return fmt.Sprintf("%s, %d processors, %s %s, %s, %s",
		processor(), runtime.NumCPU(), runtime.GOOS, kernel(), runtime.Version(), writesThrough(dir))
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	text, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(text))
}

func writesThrough(dir string) string {
	const times = 200
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return "fsync not measured"
	}
	defer func() { _ = f.Close() }()
	began := time.Now()
	for range times {
		if _, err := f.Write(make([]byte, 1024)); err != nil {
			return "fsync not measured"
		}
		if err := f.Sync(); err != nil {
			return "fsync not measured"
		}
	}
	return fmt.Sprintf("%.0f fsyncs/s", times/time.Since(began).Seconds())
}
