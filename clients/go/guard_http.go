package patwarden

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Handler passes requests on to next whose bearer may do what access says that they are for; next finds the decision by [DecisionFrom].
// Others are answered 401 with WWW-Authenticate (RFC 6750 §3), 403, or 503 with Retry-After. Behind [http.ServeMux], access can use
// PathValue.
func (g *Guard) Handler(next http.Handler, access func(*http.Request) Access) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		credential, err := credentialIn(r.Header.Values)
		if err != nil {
			problem := ""
			if errors.Is(err, errBadCredential) {
				problem = "invalid_request"
			}
			g.challenge(w, r, problem)
			return
		}
		wanted := access(r)
		clientIP := ""
		if g.ClientIP != nil {
			clientIP = g.ClientIP(r)
		}
		decision, err := g.decide(r.Context(), credential, wanted, clientIP)
		switch {
		case err != nil:
			g.undecided(r.Context(), wanted, err)
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(retryAfter(err).Seconds()))))
			g.refuse(w, r, http.StatusServiceUnavailable)
		case decision.Allowed:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), decisionKey{}, decision)))
		case decision.TokenValid:
			g.refuse(w, r, http.StatusForbidden)
		default:
			g.challenge(w, r, "invalid_token")
		}
	})
}

// challenge answers 401; problem is empty when no credential was shown.
func (g *Guard) challenge(w http.ResponseWriter, r *http.Request, problem string) {
	realm := g.Realm
	if realm == "" {
		realm = "patwarden"
	}
	value := `Bearer realm="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(realm) + `"`
	if problem != "" {
		value += `, error="` + problem + `"`
	}
	w.Header().Set("WWW-Authenticate", value)
	g.refuse(w, r, http.StatusUnauthorized)
}

func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, status int) {
	if g.Refuse != nil {
		g.Refuse(w, r, status)
		return
	}
	http.Error(w, http.StatusText(status), status)
}

// retryAfter is at least a second.
func retryAfter(err error) time.Duration {
	var known *Error
	if errors.As(err, &known) {
		return max(known.RetryDelay, time.Second)
	}
	return time.Second
}

// RemoteIP gives the address at the other end of the connection.
func RemoteIP(r *http.Request) string {
	return ipOf(r.RemoteAddr)
}

func ipOf(address string) string {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil {
		return ""
	}
	return parsed.Addr().WithZone("").String()
}
