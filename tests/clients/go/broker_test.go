package clients

import (
	"bufio"
	"cmp"
	"net"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
)

// startBroker starts the broker under test and returns its address: the binary named by PILLARBOX_BIN, or with
// BROKER=rabbitmq a private RabbitMQ. It stops with the test.
func startBroker(t *testing.T) string {
	t.Helper()
	program := cmp.Or(os.Getenv("PILLARBOX_BIN"), "../../../target/release/pillarbox")
	if os.Getenv("BROKER") == "rabbitmq" {
		program = "../rabbitmq.sh"
	}
	broker := exec.Command(program, "--port", "0", "--data-dir", t.TempDir())
	broker.Stderr = os.Stderr
	stdout, err := broker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = broker.Process.Signal(syscall.SIGTERM)
		_ = broker.Wait()
	})
	listening := regexp.MustCompile(`listening on \S+:(\d+)`)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if match := listening.FindStringSubmatch(lines.Text()); match != nil {
			go func() {
				for lines.Scan() { // So that the broker never waits for a reader of its output.
				}
			}()
			return net.JoinHostPort("127.0.0.1", match[1])
		}
	}
	t.Fatalf("%s ended before it listened", program)
	return ""
}
