package patwarden

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// Handler passes permitted requests on to next, which finds the decision by [DecisionFrom]. Others are answered 401
// with WWW-Authenticate (RFC 6750 §3), 403, 404, or 503 with Retry-After. Behind [http.ServeMux], access can use
// PathValue.
func (g *Guard) Handler(next http.Handler, access func(*http.Request) Access) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		clientIP := func() string {
			if g.ClientIP == nil {
				return ""
			}
			return g.ClientIP(r)
		}
		decision, refused := g.admit(r.Context(), r.Header.Values, func() Access { return access(r) }, clientIP)
		if refused != nil {
			g.refuse(w, r, *refused)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), decisionKey{}, decision)))
	})
}

func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, refused refusal) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	if refused.Status == http.StatusUnauthorized {
		realm := cmp.Or(g.Realm, "patwarden")
		challenge := `Bearer realm="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(realm) + `"`
		if refused.challenge != "" {
			challenge += `, error="` + refused.challenge + `"`
		}
		header.Set("WWW-Authenticate", challenge)
	}
	if refused.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(refused.retryAfter.Seconds()))))
	}
	if g.Refuse != nil {
		g.Refuse(w, r, refused.Problem)
		return
	}
	header.Set("Content-Type", "application/problem+json")
	w.WriteHeader(refused.Status)
	_ = json.NewEncoder(w).Encode(refused.Problem) // the bearer has left
}

// RemoteIP returns the address at the other end of the connection.
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
