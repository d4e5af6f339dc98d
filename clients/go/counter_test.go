package patwarden_test

import (
	"context"
	"path"
	"sync"

	"google.golang.org/grpc"

	patwarden "patwarden.example/clients/go"
)

// callCounter counts the calls that a client makes, by method.
type callCounter struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *callCounter) option() patwarden.Option {
	return patwarden.WithDialOptions(grpc.WithChainUnaryInterceptor(
		func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
			c.mu.Lock()
			if c.counts == nil {
				c.counts = map[string]int{}
			}
			c.counts[path.Base(method)]++
			c.mu.Unlock()
			return invoke(ctx, method, request, reply, conn, options...)
		}))
}

func (c *callCounter) of(method string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[method]
}
