package patwarden

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"strings"
)

// Guard lets requests to your own server through whose bearer may do what they are for: of net/http by [Guard.Handler], of gRPC by
// [Guard.UnaryInterceptor] and [Guard.StreamInterceptor]. Do not change it once it is in use.
//
// It reads the token from the header Authorization, as Bearer or as the password of Basic with any user name, or from X-API-Key; never from
// a URL, a cookie or a body. The same token may be shown twice. Two different ones, or one beside an Authorization that cannot be read, are
// refused with 401: otherwise it would be for an attacker to say which of them counts.
//
//	                                                 HTTP   gRPC
//	no token, or none that is good                   401    UNAUTHENTICATED
//	a good token that may not                        403    PERMISSION_DENIED
//	no decision could be made                        503    UNAVAILABLE
type Guard struct {
	// Who is asked. Required.
	Client *Client
	// Named in WWW-Authenticate. Default `patwarden`.
	Realm string
	// ClientIP gives the address that a request of net/http came from, and PeerIP that of one of gRPC, for tokens that are limited to
	// networks; empty for unknown. Default: always unknown, which refuses those tokens. Use [RemoteIP] and [PeerIP] where nothing stands
	// before the server; where a proxy does, read the header that it writes, and only that one: anybody can send X-Forwarded-For.
	ClientIP func(*http.Request) string
	PeerIP   func(context.Context) string
	// Verify decides about credentials that do not begin with the client's brand, for example the access tokens of web users. What it
	// returns counts like an answer of Patwarden: Allowed, else TokenValid tells 403 from 401; an error is 503. Default: such credentials
	// are no good.
	Verify func(ctx context.Context, credential string, access Access) (Decision, error)
	// Refuse writes the body of an answer of 401, 403 or 503; its headers are set, and it has to call WriteHeader(status). Default: the
	// status as text.
	Refuse func(w http.ResponseWriter, r *http.Request, status int)
	// Where errors go because of which no decision could be made. Default slog.Default().
	Logger *slog.Logger
}

// Access is what a request is for.
type Access struct {
	// For example `document:roadmap` and `viewer`. Make sure before that what comes from a URL can be an id: what the server cannot
	// understand is no decision.
	Resource, Action string
	// Added to the Check, for example Claims or UsageID.
	Options []CheckOption
}

type decisionKey struct{}

// DecisionFrom gives the decision that let a request through, in a handler behind a Guard.
func DecisionFrom(ctx context.Context) (Decision, bool) {
	decision, ok := ctx.Value(decisionKey{}).(Decision)
	return decision, ok
}

var (
	errNoCredential  = errors.New("no credential")
	errBadCredential = errors.New("a credential that cannot be read, or several")
)

// credentialIn gives the one credential among the values of headers.
func credentialIn(values func(header string) []string) (string, error) {
	credential, unsupported := "", false
	show := func(shown string) error {
		if shown == "" || credential != "" && shown != credential {
			return errBadCredential
		}
		credential = shown
		return nil
	}
	for _, value := range values("X-API-Key") {
		if value = strings.Trim(value, " \t"); value == "" {
			continue
		}
		if err := show(value); err != nil {
			return "", err
		}
	}
	for _, value := range values("Authorization") {
		// RFC 9110 §11.4: the scheme in any case, blanks, the credential.
		words := strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == '\t' })
		shown := ""
		switch {
		case len(words) == 0:
			continue
		case strings.EqualFold(words[0], "Bearer"):
			if len(words) == 2 {
				shown = words[1]
			}
		case strings.EqualFold(words[0], "Basic"):
			if len(words) == 2 {
				shown = passwordIn(words[1])
			}
		default:
			unsupported = true
			continue
		}
		if err := show(shown); err != nil {
			return "", err
		}
	}
	switch {
	case credential == "":
		return "", errNoCredential
	case unsupported:
		return "", errBadCredential
	default:
		return credential, nil
	}
}

// passwordIn gives the password of Basic credentials (RFC 7617 §2), empty when there is none.
func passwordIn(encoded string) string {
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return ""
	}
	_, password, _ := strings.Cut(string(decoded), ":")
	return password
}

// decide asks whoever knows the credential.
func (g *Guard) decide(ctx context.Context, credential string, access Access, clientIP string) (Decision, error) {
	if g.Verify != nil && !strings.HasPrefix(credential, g.Client.brand+"_") {
		return g.Verify(ctx, credential, access)
	}
	options := access.Options
	if clientIP != "" {
		options = append([]CheckOption{ClientIP(clientIP)}, options...)
	}
	return g.Client.Check(ctx, credential, access.Resource, access.Action, options...)
}

// undecided tells the operator, unless it was the bearer who gave up.
func (g *Guard) undecided(ctx context.Context, access Access, err error) {
	if ctx.Err() != nil {
		return
	}
	logger := g.Logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.ErrorContext(ctx, "patwarden: no decision", "resource", access.Resource, "action", access.Action, "error", err)
}
