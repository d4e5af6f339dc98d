// Package patwarden asks a Patwarden server what the bearer of a token may do.
//
// A [Client] is made once and used by everybody. [Client.Check] is the question that a backend asks for each request:
//
//	client, err := patwarden.New("patwarden.internal:9081", patwarden.Key(key))
//	decision, err := client.Check(ctx, token, "document:roadmap", "viewer")
//
// A denial is a [Decision]. An error, always an [*Error], means that no decision could be made: it is neither a yes nor a no, so answer 503
// and not 401 or 403. A [Guard] does all of that for net/http and gRPC servers.
//
// Whatever else Patwarden can do is called by the generated stubs that a Client holds, in terms of package patwardenv1. Their calls carry
// the service key, have a deadline, are repeated where that is safe and fail with an [*Error] like those of the Client itself.
package patwarden

import (
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"

	patwardenv1 "example.com/patwarden/clients/go/patwarden/v1"
)

// Version of this package, as in the user agent `patwarden-go/VERSION`.
const Version = "0.1.0"

// Every address that the endpoint's name has is used, in turn.
const serviceConfig = `{"loadBalancingConfig": [{"round_robin": {}}]}`

// Client is a connection to a Patwarden server, for any number of goroutines. Make one with [New] and keep it: it connects when it is first
// used, and again when the connection is lost.
type Client struct {
	// The generated stubs, for what has no method here.
	Authorization patwardenv1.AuthorizationServiceClient
	Tokens        patwardenv1.TokenServiceClient
	Subjects      patwardenv1.SubjectServiceClient
	Policies      patwardenv1.PolicyServiceClient
	Audit         patwardenv1.AuditServiceClient
	Usage         patwardenv1.UsageServiceClient

	conn      *grpc.ClientConn
	calls     *calls
	brand     string
	coalescer *coalescer // nil: switched off
}

// New makes a client of the server at endpoint, `host:port`, `dns:///host:port` or `unix:/path`, that shows it the service key. It does no
// I/O. It fails when the options contradict each other, and when the key would be sent in plaintext over a network: see [WithPlaintext].
func New(endpoint string, key KeySource, options ...Option) (*Client, error) {
	config := config{
		brand:           DefaultBrand,
		decisionTimeout: time.Second,
		timeout:         10 * time.Second,
		coalescing:      true,
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
		// gRPC's own would wait up to two minutes for a server that is back.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second,
			},
			MinConnectTimeout: 5 * time.Second,
		}),
		// A host that is gone without a word is noticed, and not only by each call's deadline.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 10 * time.Second}),
	)...)
	if err != nil {
		return nil, fmt.Errorf("patwarden: %w", err)
	}
	client := &Client{
		Authorization: patwardenv1.NewAuthorizationServiceClient(conn),
		Tokens:        patwardenv1.NewTokenServiceClient(conn),
		Subjects:      patwardenv1.NewSubjectServiceClient(conn),
		Policies:      patwardenv1.NewPolicyServiceClient(conn),
		Audit:         patwardenv1.NewAuditServiceClient(conn),
		Usage:         patwardenv1.NewUsageServiceClient(conn),
		conn:          conn,
		calls:         calls,
		brand:         config.brand,
	}
	if config.coalescing {
		client.coalescer = newCoalescer(client.Authorization, calls.retries)
	}
	return client, nil
}

// Close ends the connection. Calls that are under way, and all later ones, fail with [codes.Canceled].
func (c *Client) Close() error {
	return c.conn.Close()
}
