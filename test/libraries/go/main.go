// Libraries that services in Go would use with Patwarden, asked by lines of JSON: see ../README.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"github.com/zitadel/oidc/v3/pkg/client/rs"
	"github.com/zitadel/oidc/v3/pkg/oidc"
)

type question struct {
	Ask      string `json:"ask"`
	Token    string `json:"token"`
	Endpoint string `json:"endpoint"`
	Client   string `json:"client"`
	Key      string `json:"key"`
	JWKS     string `json:"jwks"`
	Issuer   string `json:"issuer"`
	Audience string `json:"audience"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		if err := answers.Encode(answer(asked)); err != nil {
			panic(err)
		}
	}
}

func answer(asked question) map[string]any {
	members, err := serve(context.Background(), asked)
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	return map[string]any{"members": members}
}

func serve(ctx context.Context, asked question) (any, error) {
	switch asked.Ask {
	case "introspect":
		return introspect(ctx, asked)
	case "verify":
		return verify(ctx, asked)
	}
	return nil, fmt.Errorf("nothing is known of %q", asked.Ask)
}

var errInactive = errors.New("inactive")

func introspect(ctx context.Context, asked question) (any, error) {
	// The endpoints are fixed: otherwise the library uses OpenID discovery, and Patwarden is not an OpenID provider.
	server, err := rs.NewResourceServerClientCredentials(ctx, "", asked.Client, asked.Key,
		rs.WithStaticEndpoints("https://unused.example.com", asked.Endpoint))
	if err != nil {
		return nil, err
	}
	response, err := rs.Introspect[*oidc.IntrospectionResponse](ctx, server, asked.Token)
	if err != nil {
		return nil, err
	}
	if !response.Active {
		return nil, errInactive
	}
	return response, nil
}

func verify(ctx context.Context, asked question) (any, error) {
	keys, err := keyfunc.NewDefaultCtx(ctx, []string{asked.JWKS})
	if err != nil {
		return nil, err
	}
	token, err := jwt.Parse(asked.Token, keys.Keyfunc,
		jwt.WithValidMethods([]string{"ES256", "RS256"}),
		jwt.WithIssuer(asked.Issuer),
		jwt.WithAudience(asked.Audience),
		jwt.WithExpirationRequired())
	if err != nil {
		return nil, err
	}
	// The library does not check it (RFC 9068 §4).
	if token.Header["typ"] != "at+jwt" {
		return nil, errors.New("no access token")
	}
	return token.Claims, nil
}
