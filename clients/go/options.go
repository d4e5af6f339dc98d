package patwarden

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// KeySource returns the service key. It is called for each attempt of each call, by several goroutines at a time: cache
// a key that is expensive to get. Its error fails the call with [codes.Unauthenticated], and must not contain the key.
type KeySource func(ctx context.Context) (string, error)

// Key returns the source of a fixed key.
func Key(key string) KeySource {
	return func(context.Context) (string, error) { return key, nil }
}

// Option is an option of [New].
type Option func(*config)

type config struct {
	tls             *tls.Config
	plaintext       bool
	plaintextToAll  bool
	brand           string
	decisionTimeout time.Duration
	timeout         time.Duration
	dialOptions     []grpc.DialOption
}

// WithTLS configures TLS: RootCAs for your own authority, Certificates or GetClientCertificate for a client
// certificate. Default: the system's authorities and no certificate.
func WithTLS(settings *tls.Config) Option {
	return func(c *config) { c.tls = settings.Clone() }
}

// WithPlaintext disables TLS, for a server on this machine only: localhost, a loopback address or a Unix socket.
func WithPlaintext() Option {
	return func(c *config) { c.plaintext = true }
}

// WithDangerouslySendKeyInPlaintext disables TLS for any server: the network can read the service key and every token,
// and change the answers. Use it only in networks that encrypt by themselves.
func WithDangerouslySendKeyInPlaintext() Option {
	return func(c *config) { c.plaintextToAll = true }
}

// WithDecisionTimeout sets the timeout of a Check, BatchCheck or Introspect whose context has no deadline. Default 1 s.
func WithDecisionTimeout(timeout time.Duration) Option {
	return func(c *config) { c.decisionTimeout = timeout }
}

// WithTimeout sets the timeout of any other call whose context has no deadline. Default 10 s. Streams have no timeout.
func WithTimeout(timeout time.Duration) Option {
	return func(c *config) { c.timeout = timeout }
}

// WithBrand sets the server's `tokens.brand`. Default [DefaultBrand]. With another brand than the server's, every token
// is answered TOKEN_MALFORMED.
func WithBrand(brand string) Option {
	return func(c *config) { c.brand = brand }
}

// WithDialOptions passes options to gRPC: stats handlers for traces and metrics, interceptors, resolvers. The options
// of the client itself win.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(c *config) { c.dialOptions = append(c.dialOptions, options...) }
}

func (c *config) isPlaintext() bool {
	return c.plaintext || c.plaintextToAll
}

var brandPattern = regexp.MustCompile(`\A[a-z][a-z0-9]{1,9}\z`)

// check returns the credentials of the transport, or an error for invalid options.
func (c *config) check(endpoint string, key KeySource) (credentials.TransportCredentials, error) {
	switch {
	case endpoint == "":
		return nil, errors.New("the endpoint is missing: host:port")
	case strings.HasPrefix(endpoint, "http://"), strings.HasPrefix(endpoint, "https://"):
		return nil, errors.New("the endpoint must be host:port or a gRPC target, not a URL")
	case key == nil:
		return nil, errors.New("the service key is missing")
	case !brandPattern.MatchString(c.brand):
		return nil, fmt.Errorf("the brand %q must be 2 to 10 lower-case letters and digits, a letter first", c.brand)
	case c.decisionTimeout <= 0, c.timeout <= 0:
		return nil, errors.New("a timeout must be more than zero")
	case !c.isPlaintext():
		return credentials.NewTLS(c.tls), nil
	case c.tls != nil:
		return nil, errors.New("TLS and plaintext cannot be combined")
	case !c.plaintextToAll && !staysOnHost(endpoint):
		return nil, errors.New("WithPlaintext is for this machine only: use TLS, or WithDangerouslySendKeyInPlaintext")
	default:
		return insecure.NewCredentials(), nil
	}
}

// staysOnHost returns true for loopback addresses and Unix sockets, and false for targets that must be resolved.
func staysOnHost(endpoint string) bool {
	if strings.HasPrefix(endpoint, "unix:") || strings.HasPrefix(endpoint, "unix-abstract:") {
		return true
	}
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// bearer adds the service key to each call.
type bearer struct {
	key       KeySource
	plaintext bool
}

func (b bearer) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	key, err := b.key(ctx)
	if err != nil {
		return nil, status.Error(codes.Unauthenticated, "the source of the service key failed: "+err.Error())
	}
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, status.Error(codes.Unauthenticated, "the service key must be visible ASCII characters")
	}
	return map[string]string{"authorization": "Bearer " + key}, nil
}

func (b bearer) RequireTransportSecurity() bool {
	return !b.plaintext
}
