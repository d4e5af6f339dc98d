package patwarden

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// DefaultBrand is what secrets begin with unless the operator chose another brand.
const DefaultBrand = "pw"

// What the middle of a secret says that its token acts as.
const (
	KindUser         = "pat"
	KindOrganization = "oat"
)

// ErrMalformedSecret is what every error of [ParseSecret] wraps.
var ErrMalformedSecret = errors.New("patwarden: not the text of a token")

var (
	errSecretLength   = fmt.Errorf("%w: wrong length, perhaps it was cut off", ErrMalformedSecret)
	errSecretPrefix   = fmt.Errorf("%w: wrong prefix", ErrMalformedSecret)
	errSecretDigits   = fmt.Errorf("%w: a character that no secret has", ErrMalformedSecret)
	errSecretRange    = fmt.Errorf("%w: no such number", ErrMalformedSecret)
	errSecretChecksum = fmt.Errorf("%w: wrong checksum, perhaps it was mistyped", ErrMalformedSecret)
)

const (
	// In the order of value, which is that of ASCII.
	base62         = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	randomDigits   = 43
	checksumDigits = 6
	// The digits of 2^256 - 1.
	greatestRandom = "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1"
	hintDigits     = 4
)

// SecretInfo is what the text of a secret tells about itself. It may be shown and logged.
type SecretInfo struct {
	Brand string
	// KindUser or KindOrganization.
	Kind string
	// Prefix and last four of the random digits, as in patwardenv1.Secret: `pw_pat_...x9Kq`.
	Hint string
}

// ParseSecret tells, without a call, whether text has the format and checksum of a secret: a token that was cut off when it was pasted does
// not, a revoked one does. It says nothing about validity. Errors wrap [ErrMalformedSecret] and do not hold the text.
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
	return SecretInfo{Brand: brand, Kind: kind, Hint: text[:prefix] + "..." + text[checked-hintDigits:checked]}, nil
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

// Secret is the text of a token, or of another credential, that does not get into logs by mistake: fmt, slog and encoding/json print its
// hint when it is well-formed, whatever its brand, and otherwise `[redacted]`.
type Secret struct {
	// No Format is called on an unexported field of somebody's struct; a pointer there prints as an address.
	text *string
	_    [0]func() // not comparable: == would compare addresses
}

// NewSecret wraps text.
func NewSecret(text string) Secret {
	return Secret{text: &text}
}

// Reveal gives the text itself. Empty for the zero Secret.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String gives what may be shown.
func (s Secret) String() string {
	text := s.Reveal()
	brand, _, _ := strings.Cut(text, "_")
	info, err := ParseSecret(brand, text)
	if err != nil {
		return "[redacted]"
	}
	return info.Hint
}

// Format implements fmt.Formatter: every verb prints what String gives.
func (s Secret) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, s.String())
}

// MarshalText implements encoding.TextMarshaler, by which JSON and slog go. It gives what String gives.
func (s Secret) MarshalText() ([]byte, error) {
	return []byte(s.String()), nil
}
