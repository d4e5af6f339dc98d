package patwarden_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"

	"google.golang.org/grpc"

	patwarden "patwarden.example/clients/go"
	patwardenv1 "patwarden.example/clients/go/patwarden/v1"
)

// Made when the backend starts.
var client *patwarden.Client

func ExampleNew() {
	client, err := patwarden.New("patwarden.internal:9081", func(ctx context.Context) (string, error) {
		return "pw_svc_…", nil // from your secret store; called for each call
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
}

func ExampleClient_Check() {
	ctx, token := context.Background(), "pw_pat_…"
	decision, err := client.Check(ctx, token, "document:roadmap", "viewer", patwarden.ClientIP("192.0.2.7"))
	var failed *patwarden.Error
	switch {
	case errors.As(err, &failed):
		fmt.Println(503, failed.Reason, failed.RetryDelay)
	case decision.Allowed:
		fmt.Println(200, decision.Subject)
	case decision.TokenValid:
		fmt.Println(403, decision.Reason)
	default:
		fmt.Println(401, decision.Reason)
	}
}

func ExampleClient_BatchCheck() {
	results, err := client.BatchCheck(context.Background(),
		&patwardenv1.BatchCheckItem{Token: "pw_pat_…", Resource: "document:roadmap", Action: "viewer"},
		&patwardenv1.BatchCheckItem{Token: "pw_pat_…", Resource: "document:roadmap", Action: "editor"},
	)
	if err != nil {
		log.Fatal(err)
	}
	for _, result := range results {
		fmt.Println(result.Decision.Allowed, result.Err)
	}
}

func ExampleClient_ListResources() {
	list := client.ListResources(context.Background(), "pw_pat_…", "document", "viewer")
	for resource, err := range list.All() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(resource)
	}
	if list.Incomplete {
		fmt.Println("there may be more")
	}
}

func ExampleClient_AllTokens() {
	request := &patwardenv1.ListTokensRequest{Subject: "user:alice"}
	for token, err := range client.AllTokens(context.Background(), request) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(token.GetName(), token.GetLastUseTime().AsTime())
	}
}

func ExampleParseSecret() {
	info, err := patwarden.ParseSecret(patwarden.DefaultBrand, "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA")
	fmt.Println(info.Kind, info.Hint, err)
	_, err = patwarden.ParseSecret(patwarden.DefaultBrand, "pw_pat_003aUlTJC7tjlCTQj2uNU3M")
	fmt.Println(err)
	// Output:
	// pat pw_pat_...RGIA <nil>
	// patwarden: not the secret of a token: wrong length, perhaps it was cut off
}

func ExampleSecret() {
	secret := patwarden.NewSecret("pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA")
	fmt.Println(secret, patwarden.NewSecret("something else"))
	// Output: pw_pat_...RGIA [redacted]
}

func ExampleGuard_Handler() {
	guard := &patwarden.Guard{Client: client, ClientIP: patwarden.RemoteIP}
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		decision, _ := patwarden.DecisionFrom(r.Context())
		fmt.Fprintf(w, "Hello %s, here is %s.\n", decision.Subject, r.PathValue("id"))
	})
	http.Handle("GET /documents/{id}", guard.Handler(show, func(r *http.Request) patwarden.Access {
		return patwarden.Access{Resource: "document:" + r.PathValue("id"), Action: "viewer"}
	}))
}

func ExampleGuard_UnaryInterceptor() {
	guard := &patwarden.Guard{Client: client, PeerIP: patwarden.PeerIP}
	guarded := guard.UnaryInterceptor(func(_ context.Context, _ string, request any) patwarden.Access {
		named := request.(interface{ GetDocument() string })
		return patwarden.Access{Resource: "document:" + named.GetDocument(), Action: "viewer"}
	})
	grpc.NewServer(grpc.UnaryInterceptor(
		func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			if info.FullMethod == "/grpc.health.v1.Health/Check" {
				return handler(ctx, request)
			}
			return guarded(ctx, request, info, handler)
		}))
}
