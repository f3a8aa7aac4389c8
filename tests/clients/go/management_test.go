package clients

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
)

// managementAddress is where amqp091-go's recovery tests look for RabbitMQ's HTTP API; they know no other.
const managementAddress = "127.0.0.1:15672"

// connectionClose is the frame of a `connection.close 320` as an operator causes it.
var connectionClose = frame([]byte("\x00\x0a\x00\x32\x01\x40\x10CONNECTION_FORCED\x00\x00\x00\x00"))

func frame(method []byte) []byte {
	header := binary.BigEndian.AppendUint32([]byte{1, 0, 0}, uint32(len(method)))
	return append(append(header, method...), 0xCE)
}

// management is the little of the HTTP API that the recovery tests use: it lists the connections that were made
// through it to the broker, and closes the one it is told to.
type management struct {
	broker string
	mutex  sync.Mutex
	open   map[string]*proxied
}

// proxied is one client's connection on its way through to the broker.
type proxied struct {
	client, broker net.Conn
	name           string     // What the client calls itself, once it has said so.
	writing        sync.Mutex // Held for a whole frame to the client.
}

// startManagement returns the address to connect to in place of the broker's.
func startManagement(t *testing.T, broker string) string {
	t.Helper()
	m := &management{broker: broker, open: map[string]*proxied{}}
	clients, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	api, err := net.Listen("tcp", managementAddress)
	if err != nil {
		t.Fatalf("the recovery tests need the HTTP API's port: %v", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/connections/{$}", m.list)
	mux.HandleFunc("DELETE /api/connections/{name}", m.close)
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(api) }()
	go func() {
		for {
			client, err := clients.Accept()
			if err != nil {
				return
			}
			go m.carry(client)
		}
	}()
	t.Cleanup(func() {
		_ = server.Close()
		_ = clients.Close()
	})
	return clients.Addr().String()
}

func (m *management) list(response http.ResponseWriter, _ *http.Request) {
	type connection struct {
		Name             string            `json:"name"`
		ClientProperties map[string]string `json:"client_properties"`
	}
	connections := []connection{}
	m.mutex.Lock()
	for address, p := range m.open {
		connections = append(connections, connection{address, map[string]string{"connection_name": p.name}})
	}
	m.mutex.Unlock()
	_ = json.NewEncoder(response).Encode(connections)
}

func (m *management) close(response http.ResponseWriter, request *http.Request) {
	m.mutex.Lock()
	p := m.open[request.PathValue("name")]
	m.mutex.Unlock()
	if p == nil {
		http.NotFound(response, request)
		return
	}
	p.writing.Lock()
	_, _ = p.client.Write(connectionClose)
	_ = p.broker.Close()
	p.writing.Unlock()
	response.WriteHeader(http.StatusNoContent)
}

func (m *management) carry(client net.Conn) {
	defer client.Close()
	broker, err := net.Dial("tcp", m.broker)
	if err != nil {
		return
	}
	defer broker.Close()
	p := &proxied{client: client, broker: broker}
	address := client.RemoteAddr().String()
	m.mutex.Lock()
	m.open[address] = p
	m.mutex.Unlock()
	defer func() {
		m.mutex.Lock()
		delete(m.open, address)
		m.mutex.Unlock()
	}()
	go p.toClient()

	buffer := make([]byte, 1<<16)
	for {
		n, err := client.Read(buffer)
		if name, found := connectionName(buffer[:n]); found {
			m.mutex.Lock()
			p.name = name
			m.mutex.Unlock()
		}
		// Once the connection is forced to close this fails; what still comes, the close-ok, is only read.
		_, _ = broker.Write(buffer[:n])
		if err != nil {
			return
		}
	}
}

func (p *proxied) toClient() {
	defer p.client.Close()
	header := make([]byte, 7)
	for {
		if _, err := io.ReadFull(p.broker, header); err != nil {
			return
		}
		rest := make([]byte, binary.BigEndian.Uint32(header[3:])+1)
		if _, err := io.ReadFull(p.broker, rest); err != nil {
			return
		}
		p.writing.Lock()
		_, err := p.client.Write(append(header[:7:7], rest...))
		p.writing.Unlock()
		if err != nil {
			return
		}
	}
}

// connectionName finds the client property of that name in a `connection.start-ok`.
func connectionName(sent []byte) (string, bool) {
	_, value, found := bytes.Cut(sent, []byte("\x0fconnection_nameS"))
	if !found || len(value) < 4 {
		return "", false
	}
	length := int(binary.BigEndian.Uint32(value))
	if len(value) < 4+length {
		return "", false
	}
	return string(value[4 : 4+length]), true
}
