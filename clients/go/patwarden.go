// Package patwarden asks a Patwarden server whether the bearer of a token may do something.
//
// Make one [Client] and share it. A backend calls [Client.Check] for each request:
//
//	client, err := patwarden.New("patwarden.internal:9081", patwarden.Key(key))
//	decision, err := client.Check(ctx, token, "document:roadmap", "viewer")
//
// A denial is a [Decision]. An error, always an [*Error], means that no decision could be made, neither yes nor no:
// answer 503. A [Guard] does all of that for net/http and gRPC servers.
//
// For everything else a Client has the generated stubs of package patwardenv1. Their calls have the service key, a
// deadline and retries too, and fail with an [*Error].
package patwarden

import (
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"

	patwardenv1 "patwarden.example/clients/go/patwarden/v1"
)

// Version is the version of this package, as in the user agent `patwarden-go/VERSION`.
const Version = "0.1.0"

// Uses all addresses of the endpoint's name in turn.
const serviceConfig = `{"loadBalancingConfig": [{"round_robin": {}}]}`

// Client is a connection to a Patwarden server, for any number of goroutines. Make one with [New] and keep it: it
// connects with its first call and reconnects by itself.
type Client struct {
	// The generated stubs, for calls that have no method here.
	Authorization patwardenv1.AuthorizationServiceClient
	Tokens        patwardenv1.TokenServiceClient
	Subjects      patwardenv1.SubjectServiceClient
	Policies      patwardenv1.PolicyServiceClient
	Audit         patwardenv1.AuditServiceClient
	Usage         patwardenv1.UsageServiceClient
	SelfService   patwardenv1.SelfServiceClient

	conn  *grpc.ClientConn
	calls *calls
	brand string
}

// New makes a client of the server at endpoint: `host:port`, `dns:///host:port` or `unix:/path`. It does no I/O. It
// fails for invalid options, and when the key would be sent in plaintext over a network, see [WithPlaintext].
func New(endpoint string, key KeySource, options ...Option) (*Client, error) {
	config := config{
		brand:           DefaultBrand,
		decisionTimeout: time.Second,
		timeout:         10 * time.Second,
	}
	for _, option := range options {
		option(&config)
	}
	transport, err := config.check(endpoint, key)
	if err != nil {
		return nil, fmt.Errorf("patwarden: %w", err)
	}
	calls := &calls{timeout: config.timeout, decisionTimeout: config.decisionTimeout, retries: newRetries()}
	conn, err := grpc.NewClient(endpoint, append(config.dialOptions,
		grpc.WithTransportCredentials(transport),
		grpc.WithPerRPCCredentials(bearer{key: key, plaintext: config.isPlaintext()}),
		grpc.WithUserAgent("patwarden-go/"+Version),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithChainUnaryInterceptor(calls.unary),
		grpc.WithChainStreamInterceptor(calls.stream),
		// By default gRPC waits up to two minutes before it reconnects.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second,
			},
			MinConnectTimeout: 5 * time.Second,
		}),
		// Detects a dead connection that was never closed.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 10 * time.Second}),
	)...)
	if err != nil {
		return nil, fmt.Errorf("patwarden: %w", err)
	}
	return &Client{
		Authorization: patwardenv1.NewAuthorizationServiceClient(conn),
		Tokens:        patwardenv1.NewTokenServiceClient(conn),
		Subjects:      patwardenv1.NewSubjectServiceClient(conn),
		Policies:      patwardenv1.NewPolicyServiceClient(conn),
		Audit:         patwardenv1.NewAuditServiceClient(conn),
		Usage:         patwardenv1.NewUsageServiceClient(conn),
		SelfService:   patwardenv1.NewSelfServiceClient(conn),
		conn:          conn,
		calls:         calls,
		brand:         config.brand,
	}, nil
}

// Close ends the connection. Running and later calls fail with [codes.Canceled].
func (c *Client) Close() error {
	return c.conn.Close()
}
