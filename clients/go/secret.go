package patwarden

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// DefaultBrand is the default of the server's `tokens.brand`.
const DefaultBrand = "pw"

// Kinds of tokens: they act as a user or an organization.
const (
	KindUser         = "pat"
	KindOrganization = "oat"
)

// ErrMalformedSecret is wrapped by every error of [ParseSecret].
var ErrMalformedSecret = errors.New("patwarden: not the secret of a token")

var (
	errSecretLength   = fmt.Errorf("%w: wrong length, perhaps it was cut off", ErrMalformedSecret)
	errSecretPrefix   = fmt.Errorf("%w: wrong prefix", ErrMalformedSecret)
	errSecretDigits   = fmt.Errorf("%w: invalid character", ErrMalformedSecret)
	errSecretRange    = fmt.Errorf("%w: value out of range", ErrMalformedSecret)
	errSecretChecksum = fmt.Errorf("%w: wrong checksum, perhaps it was mistyped", ErrMalformedSecret)
)

const (
	// In ASCII order.
	base62         = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	randomDigits   = 43
	checksumDigits = 6
	// The digits of 2^256 - 1.
	greatestRandom = "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1"
	hintDigits     = 4
)

// SecretInfo is what a secret shows without a call. It may be logged.
type SecretInfo struct {
	Brand string
	// KindUser or KindOrganization.
	Kind string
	// The prefix and the last four characters, as in patwardenv1.Secret: `pw_pat_...x9Kq`.
	Hint string
}

// ParseSecret checks format and checksum of a secret without a call: a token that was cut off when it was pasted fails,
// a revoked one does not. Errors wrap [ErrMalformedSecret] and do not contain the text.
func ParseSecret(brand, text string) (SecretInfo, error) {
	const kindLength = len(KindUser)
	prefix := len(brand) + 1 + kindLength + 1
	if len(text) != prefix+randomDigits+checksumDigits {
		return SecretInfo{}, errSecretLength
	}
	kind := text[len(brand)+1 : prefix-1]
	if text[:len(brand)] != brand || text[len(brand)] != '_' || text[prefix-1] != '_' || kind != KindUser && kind != KindOrganization {
		return SecretInfo{}, errSecretPrefix
	}
	for _, digit := range []byte(text[prefix:]) {
		if strings.IndexByte(base62, digit) < 0 {
			return SecretInfo{}, errSecretDigits
		}
	}
	checked := prefix + randomDigits
	if text[prefix:checked] > greatestRandom {
		return SecretInfo{}, errSecretRange
	}
	if text[checked:] != checksum(text[:checked]) {
		return SecretInfo{}, errSecretChecksum
	}
	return SecretInfo{Brand: brand, Kind: kind, Hint: text[:prefix] + "..." + text[len(text)-hintDigits:]}, nil
}

func checksum(text string) string {
	var digits [checksumDigits]byte
	rest := crc32.ChecksumIEEE([]byte(text))
	for place := checksumDigits - 1; place >= 0; place-- {
		digits[place] = base62[rest%62]
		rest /= 62
	}
	return string(digits[:])
}

// Secret wraps the text of a token or another credential, so that fmt, slog and encoding/json print only the hint of a
// well-formed token of any brand, and otherwise `[redacted]`.
type Secret struct {
	// A pointer, because fmt does not call Format on an unexported field of another struct, and prints a pointer as an
	// address.
	text *string
	_    [0]func() // not comparable: == would compare addresses
}

// NewSecret wraps text.
func NewSecret(text string) Secret {
	return Secret{text: &text}
}

// Reveal returns the whole text. It is empty for the zero Secret.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String returns the hint.
func (s Secret) String() string {
	text := s.Reveal()
	brand, _, _ := strings.Cut(text, "_")
	info, err := ParseSecret(brand, text)
	if err != nil {
		return "[redacted]"
	}
	return info.Hint
}

// Format implements fmt.Formatter: every verb prints the hint.
func (s Secret) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, s.String())
}

// MarshalText implements encoding.TextMarshaler for JSON and slog. It returns the hint.
func (s Secret) MarshalText() ([]byte, error) {
	return []byte(s.String()), nil
}
