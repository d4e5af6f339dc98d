package patwarden

import (
	"context"
	"net"
	"path"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	patwardenv1 "patwarden.example/clients/go/patwarden/v1"
)

const (
	patience = 30 * time.Second
	// Well-formed.
	aToken = "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA"
)

// fake is a gRPC server for what the real one does only when it is in trouble.
type fake struct {
	address string
	// answer answers every unary call; method is the name alone.
	answer func(ctx context.Context, method string, request any) (any, error)
	// list answers ListResources.
	list func(stream grpc.ServerStreamingServer[patwardenv1.ListResourcesResponse]) error

	mu       sync.Mutex
	received []received
}

type received struct {
	method  string
	request any
}

type services struct {
	patwardenv1.UnimplementedAuthorizationServiceServer
	patwardenv1.UnimplementedTokenServiceServer
	patwardenv1.UnimplementedSubjectServiceServer
	patwardenv1.UnimplementedSelfServiceServer
	patwardenv1.UnimplementedPolicyServiceServer
	patwardenv1.UnimplementedAuditServiceServer
	patwardenv1.UnimplementedUsageServiceServer
	fake *fake
}

func (s services) ListResources(
	request *patwardenv1.ListResourcesRequest, stream grpc.ServerStreamingServer[patwardenv1.ListResourcesResponse],
) error {
	s.fake.note("ListResources", request)
	return s.fake.list(stream)
}

func startFake(t *testing.T, answer func(ctx context.Context, method string, request any) (any, error)) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{address: listener.Addr().String(), answer: answer}
	server := grpc.NewServer(grpc.UnaryInterceptor(
		func(ctx context.Context, request any, info *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
			method := path.Base(info.FullMethod)
			f.note(method, request)
			return f.answer(ctx, method, request)
		}))
	all := services{fake: f}
	patwardenv1.RegisterAuthorizationServiceServer(server, all)
	patwardenv1.RegisterTokenServiceServer(server, all)
	patwardenv1.RegisterSubjectServiceServer(server, all)
	patwardenv1.RegisterSelfServiceServer(server, all)
	patwardenv1.RegisterPolicyServiceServer(server, all)
	patwardenv1.RegisterAuditServiceServer(server, all)
	patwardenv1.RegisterUsageServiceServer(server, all)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return f
}

func (f *fake) note(method string, request any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.received = append(f.received, received{method, request})
}

func (f *fake) calls() []received {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]received(nil), f.received...)
}

func (f *fake) connect(t *testing.T, options ...Option) *Client {
	t.Helper()
	options = append([]Option{WithPlaintext(), WithDecisionTimeout(patience), WithTimeout(patience)}, options...)
	client, err := New(f.address, Key("a-key"), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}
