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

// KeySource gives the service key by which the server knows its caller. It is asked for each call, and again when one is repeated, by
// several goroutines at a time: keep what is dear to get. An error fails the call with [codes.Unauthenticated]; it must not hold the key.
type KeySource func(ctx context.Context) (string, error)

// Key is the source of a key that stays the same.
func Key(key string) KeySource {
	return func(context.Context) (string, error) { return key, nil }
}

// Option changes what [New] makes.
type Option func(*config)

type config struct {
	tls             *tls.Config
	plaintext       bool
	plaintextToAll  bool
	brand           string
	decisionTimeout time.Duration
	timeout         time.Duration
	coalescing      bool
	dialOptions     []grpc.DialOption
}

// WithTLS sets what TLS goes by: an authority of your own in RootCAs, the client's certificate in Certificates or GetClientCertificate.
// Default: the system's authorities and no certificate.
func WithTLS(settings *tls.Config) Option {
	return func(c *config) { c.tls = settings.Clone() }
}

// WithPlaintext does without TLS. Only for a server on this machine: the host of the endpoint must be localhost or an address of loopback,
// or the endpoint a Unix socket.
func WithPlaintext() Option {
	return func(c *config) { c.plaintext = true }
}

// WithDangerouslySendKeyInPlaintext does without TLS wherever the server is: everybody on the way can read the service key and every token,
// and change the answers. For networks that encrypt by themselves.
func WithDangerouslySendKeyInPlaintext() Option {
	return func(c *config) { c.plaintextToAll = true }
}

// WithDecisionTimeout sets how long a Check, BatchCheck or Introspect may take whose context has no deadline. Default 1 s.
func WithDecisionTimeout(timeout time.Duration) Option {
	return func(c *config) { c.decisionTimeout = timeout }
}

// WithTimeout sets how long any other call may take whose context has no deadline. Default 10 s. Streams have none but their context's.
func WithTimeout(timeout time.Duration) Option {
	return func(c *config) { c.timeout = timeout }
}

// WithBrand sets what secrets begin with, `tokens.brand` of the server's configuration. Default [DefaultBrand]. Where it is not that of the
// server, every token is answered TOKEN_MALFORMED.
func WithBrand(brand string) Option {
	return func(c *config) { c.brand = brand }
}

// WithoutCoalescing sends each Check as a call of its own.
func WithoutCoalescing() Option {
	return func(c *config) { c.coalescing = false }
}

// WithDialOptions hands options on to gRPC: stats handlers for traces and metrics, interceptors, resolvers. What the client itself sets
// wins.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(c *config) { c.dialOptions = append(c.dialOptions, options...) }
}

func (c *config) isPlaintext() bool {
	return c.plaintext || c.plaintextToAll
}

var brandPattern = regexp.MustCompile(`\A[a-z][a-z0-9]{1,9}\z`)

// check gives the credentials of the transport, or what is wrong with the options.
func (c *config) check(endpoint string, key KeySource) (credentials.TransportCredentials, error) {
	switch {
	case endpoint == "":
		return nil, errors.New("no endpoint")
	case strings.HasPrefix(endpoint, "http://"), strings.HasPrefix(endpoint, "https://"):
		return nil, errors.New("the endpoint is a gRPC target such as host:port, not a URL")
	case key == nil:
		return nil, errors.New("no service key")
	case !brandPattern.MatchString(c.brand):
		return nil, fmt.Errorf("%q is no brand", c.brand)
	case c.decisionTimeout <= 0, c.timeout <= 0:
		return nil, errors.New("a timeout must be more than zero")
	case !c.isPlaintext():
		return credentials.NewTLS(c.tls), nil
	case c.tls != nil:
		return nil, errors.New("TLS and plaintext exclude each other")
	case !c.plaintextToAll && !staysOnHost(endpoint):
		return nil, errors.New("WithPlaintext would send the service key in plaintext over a network: use TLS, or WithDangerouslySendKeyInPlaintext")
	default:
		return insecure.NewCredentials(), nil
	}
}

// staysOnHost knows only plain `host:port` and Unix sockets: what another target resolves to, nobody can say beforehand.
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

// bearer shows the service key with each call.
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
		return nil, status.Error(codes.Unauthenticated, "the service key is empty, or has blanks, newlines or other characters that cannot be sent")
	}
	return map[string]string{"authorization": "Bearer " + key}, nil
}

func (b bearer) RequireTransportSecurity() bool {
	return !b.plaintext
}
