// Example shows the life of a token in front of a guarded backend. With `make dev` running in the root of the
// repository:
//
//	KEY=$(cat ../../.patwarden/service-key) go run ./example
//
// ENDPOINT, by default that of `make dev`, must be on this machine.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	patwarden "patwarden.example/clients/go"
	patwardenv1 "patwarden.example/clients/go/patwarden/v1"
)

func main() {
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	endpoint := cmp.Or(os.Getenv("ENDPOINT"), "127.0.0.1:9081")
	client, err := patwarden.New(endpoint, patwarden.Key(os.Getenv("KEY")), patwarden.WithPlaintext())
	if err != nil {
		return err
	}
	defer client.Close()

	created, err := client.Tokens.CreateToken(ctx, &patwardenv1.CreateTokenRequest{
		Subject:  "user:alice",
		Name:     "example",
		Grant:    &patwardenv1.Grant{Rules: []*patwardenv1.Rule{{Actions: []string{"viewer"}, Resources: []string{"document:*"}}}},
		Lifetime: &patwardenv1.CreateTokenRequest_Ttl{Ttl: durationpb.New(time.Hour)},
	})
	if err != nil {
		return err
	}
	token := created.GetSecret()
	fmt.Println("created", patwarden.NewSecret(token))

	for _, resource := range []string{"document:roadmap", "document:payroll"} {
		decision, err := client.Check(ctx, token, resource, "viewer")
		if err != nil {
			return err
		}
		fmt.Println(resource, decision.Allowed, decision.Reason)
	}

	backend := httptest.NewServer(routes(&patwarden.Guard{Client: client, ClientIP: patwarden.RemoteIP}))
	defer backend.Close()
	if err := visit(backend.URL, token, map[string]int{"roadmap": http.StatusOK, "payroll": http.StatusForbidden}); err != nil {
		return err
	}
	if _, err := client.Tokens.RevokeToken(ctx, &patwardenv1.RevokeTokenRequest{Id: created.GetToken().GetId()}); err != nil {
		return err
	}
	fmt.Println("revoked")
	return visit(backend.URL, token, map[string]int{"roadmap": http.StatusUnauthorized})
}

// routes is a backend that shows documents only to their viewers.
func routes(guard *patwarden.Guard) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /documents/{id}", guard.Handler(http.HandlerFunc(showDocument), func(r *http.Request) patwarden.Access {
		return patwarden.Access{Resource: "document:" + r.PathValue("id"), Action: "viewer"}
	}))
	return mux
}

func showDocument(w http.ResponseWriter, r *http.Request) {
	decision, _ := patwarden.DecisionFrom(r.Context())
	fmt.Fprintf(w, "Hello %s, here is %s.\n", decision.Subject, r.PathValue("id"))
}

// visit reads documents with a token, and fails when one is not answered as wanted.
func visit(backend, token string, wanted map[string]int) error {
	for document, status := range wanted {
		request, err := http.NewRequest("GET", backend+"/documents/"+document, nil)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		response.Body.Close()
		fmt.Println("GET", request.URL.Path, response.Status)
		if response.StatusCode != status {
			return fmt.Errorf("%s: want %d", document, status)
		}
	}
	return nil
}
