package patwarden

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	patwardenv1 "patwarden.example/clients/go/patwarden/v1"
)

// Guard allows only permitted requests to your own server: for net/http use [Guard.Handler], for gRPC
// [Guard.UnaryInterceptor] and [Guard.StreamInterceptor]. Do not change it once it is in use.
//
// It reads the token from the header Authorization, as Bearer or as the password of Basic with any user name, or from
// X-API-Key; never from a URL, a cookie or a body. The same token may be sent twice. Two different ones, or one beside
// an unreadable Authorization, are refused with 401: otherwise an attacker could choose which one counts.
//
//	                                                 HTTP   gRPC
//	no token, or an invalid one                      401    UNAUTHENTICATED
//	a valid token that does not allow this           403    PERMISSION_DENIED
//	an id that can never exist                       404    NOT_FOUND
//	no decision could be made                        503    UNAVAILABLE
type Guard struct {
	// Makes the checks. Required.
	Client *Client
	// The realm in WWW-Authenticate. Default `patwarden`.
	Realm string
	// ClientIP returns the address of a request of net/http, and PeerIP that of a gRPC call; empty if unknown. Without
	// it, tokens that are limited to networks are refused. Use [RemoteIP] and [PeerIP] if there is no proxy in front;
	// behind a proxy, read only the header that it sets: anybody can send X-Forwarded-For.
	ClientIP func(*http.Request) string
	PeerIP   func(context.Context) string
	// Verify decides about credentials that do not begin with the client's brand, for example the access tokens of web
	// users. Its result counts like Patwarden's: if not Allowed, TokenValid tells 403 from 401; an error is 503.
	// Default: such credentials are not valid.
	Verify func(ctx context.Context, credential string, access Access) (Decision, error)
	// ExplainInvalidToken adds a reason to the 401 for a token that exists but cannot be used, for example
	// TOKEN_EXPIRED or TOKEN_SUSPENDED. Default false: a thief would learn which tokens were real, and which may become
	// usable again. Unknown and malformed tokens are never told apart, nor is it told that a token works from other
	// networks.
	ExplainInvalidToken bool
	// Refuse writes the status and body of a refusal; WWW-Authenticate, Retry-After and Cache-Control are set. Default:
	// the problem as application/problem+json.
	Refuse func(w http.ResponseWriter, r *http.Request, problem Problem)
	// Logger gets a warning for each request about which no decision could be made, never with a token. Default
	// slog.Default().
	Logger *slog.Logger
}

// Access is the permission that a request needs.
type Access struct {
	// For example `document:roadmap` and `viewer`.
	Resource, Action string
	// Options of the Check, for example Claims or UsageID.
	Options []CheckOption
}

// Problem is the body of a refusal (RFC 9457).
type Problem struct {
	Type   string `json:"type"` // about:blank
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// The reason of the decision or the error, for example NOT_PERMITTED, or empty.
	Reason string `json:"reason,omitempty"`
}

func problemOf(status int, detail, reason string) Problem {
	return Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Reason: reason}
}

// refusal is a request that is not allowed.
type refusal struct {
	Problem
	challenge  string // of a 401: the error code of RFC 6750, or empty
	retryAfter time.Duration
}

// Reasons for which a token cannot be used by anybody now. Others would help a thief.
var explained = map[patwardenv1.Reason]bool{
	patwardenv1.Reason_REASON_TOKEN_EXPIRED:          true,
	patwardenv1.Reason_REASON_TOKEN_NOT_YET_VALID:    true,
	patwardenv1.Reason_REASON_TOKEN_REVOKED:          true,
	patwardenv1.Reason_REASON_TOKEN_SUPERSEDED:       true,
	patwardenv1.Reason_REASON_TOKEN_SUSPENDED:        true,
	patwardenv1.Reason_REASON_TOKEN_PENDING_APPROVAL: true,
	patwardenv1.Reason_REASON_SUBJECT_DISABLED:       true,
}

type decisionKey struct{}

// DecisionFrom returns the decision that allowed the request of a handler behind a Guard.
func DecisionFrom(ctx context.Context) (Decision, bool) {
	decision, ok := ctx.Value(decisionKey{}).(Decision)
	return decision, ok
}

var (
	errNoCredential  = errors.New("no credential")
	errBadCredential = errors.New("an unreadable credential, or several")
)

// credentialIn returns the one credential in the values of headers.
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

// passwordIn returns the password of Basic credentials (RFC 7617 §2), or empty.
func passwordIn(encoded string) string {
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return ""
	}
	_, password, _ := strings.Cut(string(decoded), ":")
	return password
}

// admit returns the decision that allows a request, or its refusal. access and clientIP are called only if there is a
// credential.
func (g *Guard) admit(
	ctx context.Context, headers func(string) []string, access func() Access, clientIP func() string,
) (Decision, *refusal) {
	credential, err := credentialIn(headers)
	if err != nil {
		problem := problemOf(http.StatusUnauthorized, "Send one token: as Authorization: Bearer, as X-API-Key or as the password of Basic.", "")
		if errors.Is(err, errBadCredential) {
			return Decision{}, &refusal{Problem: problem, challenge: "invalid_request"}
		}
		return Decision{}, &refusal{Problem: problem}
	}
	wanted := access()
	if hasImpossibleID(wanted.Resource) {
		return Decision{}, &refusal{Problem: problemOf(http.StatusNotFound, "There is no such resource.", "")}
	}
	decision, err := g.decide(ctx, credential, wanted, clientIP)
	switch {
	case err != nil:
		g.logUndecided(ctx, wanted, err)
		var known *Error
		reason := ""
		if errors.As(err, &known) {
			reason = known.Reason
		}
		problem := problemOf(http.StatusServiceUnavailable, "No decision could be made. Try again.", reason)
		return Decision{}, &refusal{Problem: problem, retryAfter: retryAfter(err)}
	case decision.Allowed:
		return decision, nil
	case decision.TokenValid:
		problem := problemOf(http.StatusForbidden, "The token does not allow this.", reasonName(decision.Reason))
		return Decision{}, &refusal{Problem: problem}
	default:
		reason := ""
		if g.ExplainInvalidToken && explained[decision.Reason] {
			reason = reasonName(decision.Reason)
		}
		problem := problemOf(http.StatusUnauthorized, "The token is not valid: it may be incomplete, expired or revoked.", reason)
		return Decision{}, &refusal{Problem: problem, challenge: "invalid_token"}
	}
}

func (g *Guard) decide(ctx context.Context, credential string, access Access, clientIP func() string) (Decision, error) {
	if g.Verify != nil && !strings.HasPrefix(credential, g.Client.brand+"_") {
		return g.Verify(ctx, credential, access)
	}
	options := access.Options
	if address := clientIP(); address != "" {
		options = append([]CheckOption{ClientIP(address)}, options...)
	}
	return g.Client.Check(ctx, credential, access.Resource, access.Action, options...)
}

// logUndecided logs why there is no decision, unless the bearer has left.
func (g *Guard) logUndecided(ctx context.Context, access Access, err error) {
	if ctx.Err() != nil {
		return
	}
	logger := g.Logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.WarnContext(ctx, "patwarden: no decision", "resource", access.Resource, "action", access.Action, "error", err)
}

// retryAfter returns the delay that the server asks for, at least a second.
func retryAfter(err error) time.Duration {
	var known *Error
	if errors.As(err, &known) {
		return max(known.RetryDelay, time.Second)
	}
	return time.Second
}

// reasonName returns the name without its prefix, and empty for a decision of a Verify that gives no reason.
func reasonName(reason patwardenv1.Reason) string {
	if reason == patwardenv1.Reason_REASON_UNSPECIFIED {
		return ""
	}
	return strings.TrimPrefix(reason.String(), "REASON_")
}

var (
	possibleType = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./-]*$`)
	possibleID   = regexp.MustCompile(`^[A-Za-z0-9_\-./@+=~|]{1,200}$`)
)

// hasImpossibleID returns true if the part after the first colon, which comes from the bearer, can never be an id of
// the server. The type before it comes from the host: an impossible one is its mistake, and a 503.
func hasImpossibleID(resource string) bool {
	kind, id, found := strings.Cut(resource, ":")
	return found && possibleType.MatchString(kind) && (len(resource) > 256 || !possibleID.MatchString(id))
}
