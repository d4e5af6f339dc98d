package patwarden_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	patwarden "patwarden.example/clients/go"
)

func TestParseSecret(t *testing.T) {
	type vector struct {
		Name       string
		Text       string
		Brand      string
		WellFormed bool
		Kind       string
		Hint       string
	}
	for _, vector := range vectors[vector](t, nil, "secrets") {
		t.Run(vector.Name, func(t *testing.T) {
			info, err := patwarden.ParseSecret(vector.Brand, vector.Text)
			if !vector.WellFormed {
				if !errors.Is(err, patwarden.ErrMalformedSecret) || info != (patwarden.SecretInfo{}) {
					t.Errorf("got %v, %v", info, err)
				}
				if len(vector.Text) > 10 && strings.Contains(err.Error(), vector.Text[len(vector.Text)-8:]) {
					t.Errorf("the error has the secret: %v", err)
				}
				return
			}
			if want := (patwarden.SecretInfo{Brand: vector.Brand, Kind: vector.Kind, Hint: vector.Hint}); info != want || err != nil {
				t.Errorf("got %v, %v, want %v", info, err, want)
			}
		})
	}
}

// The format once more, by other means.
func mint(kind string, random []byte) string {
	base62 := func(number *big.Int, width int) string {
		swapCase := func(r rune) rune {
			switch {
			case 'a' <= r && r <= 'z':
				return r - 'a' + 'A'
			case 'A' <= r && r <= 'Z':
				return r - 'A' + 'a'
			}
			return r
		}
		return strings.Map(swapCase, fmt.Sprintf("%0*s", width, number.Text(62)))
	}
	text := "pw_" + kind + "_" + base62(new(big.Int).SetBytes(random), 43)
	return text + base62(big.NewInt(int64(crc32.ChecksumIEEE([]byte(text)))), 6)
}

func TestEverySecretIsWellFormedAndNoNeighbourOfIt(t *testing.T) {
	source := rand.NewChaCha8([32]byte{})
	random := rand.New(source)
	for range 2_000 {
		bytes := make([]byte, 32)
		_, _ = source.Read(bytes[random.IntN(32):])
		kind := []string{patwarden.KindUser, patwarden.KindOrganization}[random.IntN(2)]
		text := mint(kind, bytes)
		if info, err := patwarden.ParseSecret("pw", text); err != nil || info.Kind != kind {
			t.Fatalf("%s: %v", text, err)
		}
		place := random.IntN(len(text))
		other := []byte(text)
		for other[place] == text[place] {
			other[place] = byte(random.IntN(256))
		}
		for _, wrong := range []string{string(other), text[:place], text[:place] + text[place+1:], text + string(text[place])} {
			if _, err := patwarden.ParseSecret("pw", wrong); err == nil {
				t.Fatalf("%q is taken for a secret", wrong)
			}
		}
	}
}

func FuzzParseSecret(f *testing.F) {
	f.Add("pw", "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA")
	f.Add("", "")
	f.Add("a", "a_oat_")
	f.Fuzz(func(t *testing.T, brand, text string) {
		info, err := patwarden.ParseSecret(brand, text)
		if err == nil && !strings.HasPrefix(text, brand+"_"+info.Kind+"_") {
			t.Errorf("%q of %q: %v", text, brand, info)
		}
	})
}

func TestSecretsPrintTheirHint(t *testing.T) {
	const hint = "pw_pat_...RGIA"
	const text = "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA"
	secret := patwarden.NewSecret(text)
	if secret.Reveal() != text {
		t.Error("Reveal returns another text")
	}
	var logged bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
		slog.New(handler).Info("a token", "secret", secret, "in", struct{ S patwarden.Secret }{secret})
	}
	asJSON, err := json.Marshal(map[string]any{"secret": secret, "in": []patwarden.Secret{secret}})
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{logged.String(), string(asJSON), secret.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s"} {
		printed = append(printed, fmt.Sprintf(verb, secret), fmt.Sprintf(verb, &secret), fmt.Sprintf(verb, []patwarden.Secret{secret}))
	}
	for _, line := range printed {
		if !strings.Contains(line, hint) {
			t.Errorf("no hint: %s", line)
		}
	}
	// Here fmt calls no method.
	hidden := struct{ secret patwarden.Secret }{secret}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		printed = append(printed, fmt.Sprintf(verb, hidden), fmt.Sprintf(verb, &hidden))
	}
	for _, line := range printed {
		if strings.Contains(line, text) || strings.Contains(line, text[8:30]) || strings.Contains(line, fmt.Sprintf("%x", text[8:30])) {
			t.Errorf("the secret: %s", line)
		}
	}
	for _, other := range []patwarden.Secret{
		{}, patwarden.NewSecret(""), patwarden.NewSecret("hunter2"), patwarden.NewSecret(text[1:]), patwarden.NewSecret(text + "\n"),
	} {
		if other.String() != "[redacted]" {
			t.Errorf("%q prints as %s", other.Reveal(), other)
		}
	}
}
