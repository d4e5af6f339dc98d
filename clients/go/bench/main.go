// Bench measures decisions per second with and without coalescing, 64 Checks at a time, against the server that the
// file of PATWARDEN_CLIENT_TESTS describes (npx tsx test/clients/run.ts --keep).
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"sync"
	"sync/atomic"
	"time"

	patwarden "patwarden.example/clients/go"
)

func main() {
	concurrency := flag.Int("concurrency", 64, "Checks at a time")
	duration := flag.Duration("duration", 5*time.Second, "how long each is measured")
	rounds := flag.Int("rounds", 3, "how often each is measured, in turn")
	flag.Parse()
	var environment struct {
		Endpoint string
		Keys     map[string]string
		Tokens   map[string]struct{ Secret string }
	}
	text, err := os.ReadFile(os.Getenv("PATWARDEN_CLIENT_TESTS"))
	if err != nil {
		log.Fatal(err)
	}
	if err := json.Unmarshal(text, &environment); err != nil {
		log.Fatal(err)
	}
	variants := []struct {
		name    string
		options []patwarden.Option
	}{
		{"coalescing", nil},
		{"each alone", []patwarden.Option{patwarden.WithoutCoalescing()}},
	}
	for range *rounds {
		for _, variant := range variants {
			options := append(variant.options, patwarden.WithPlaintext(), patwarden.WithDecisionTimeout(time.Minute))
			client, err := patwarden.New(environment.Endpoint, patwarden.Key(environment.Keys["checker"]), options...)
			if err != nil {
				log.Fatal(err)
			}
			measure(client, environment.Tokens["librarian"].Secret, *concurrency, time.Second) // warm-up
			rate := measure(client, environment.Tokens["librarian"].Secret, *concurrency, *duration)
			client.Close()
			fmt.Printf("%s: %.0f decisions/s\n", variant.name, rate)
		}
	}
}

// measure asks about 1,000 documents in turn, all of them allowed.
func measure(client *patwarden.Client, token string, concurrency int, duration time.Duration) float64 {
	var answered atomic.Int64
	var group sync.WaitGroup
	start := time.Now()
	for range concurrency {
		group.Go(func() {
			for time.Since(start) < duration {
				resource := fmt.Sprintf("document:archive-%d", answered.Add(1)%1_000+1)
				decision, err := client.Check(context.Background(), token, resource, "viewer")
				if err != nil || !decision.Allowed {
					log.Fatalf("%s: %+v, %v", resource, decision, err)
				}
			}
		})
	}
	group.Wait()
	return float64(answered.Load()) / time.Since(start).Seconds()
}
