package configstore

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// Mask stands for a secret wherever one is shown.
const Mask = "********"

// Secret is a text that must not be shown: it prints, logs and marshals as
// [Mask]. Its zero value is "absent", which is not the same as "": in an update
// an absent or masked secret keeps the stored one, and "" clears it.
type Secret struct {
	text  string
	state secretState
}

type secretState uint8

const (
	secretAbsent secretState = iota
	secretSet                // text is the plain text
	secretMasked             // the caller sent Mask back
	secretSealed             // text is ciphertext, safe to write
	secretShown              // text is the plain text, and marshals as such
)

// NewSecret returns a secret that holds text.
func NewSecret(text string) Secret { return Secret{text, secretSet} }

// Reveal returns the plain text, "" when there is none.
func (s Secret) Reveal() string {
	if s.state == secretSet || s.state == secretShown {
		return s.text
	}
	return ""
}

// IsZero says that the secret is absent; encoding/json's omitzero uses it.
func (s Secret) IsZero() bool { return s.state == secretAbsent }

// Keeps says that in an update this value keeps what is stored.
func (s Secret) Keeps() bool { return s.state == secretAbsent || s.state == secretMasked }

// IsMasked says that somebody sent the mask back instead of a value.
func (s Secret) IsMasked() bool { return s.state == secretMasked }

// String returns the mask.
func (s Secret) String() string {
	if s.text == "" && s.state != secretMasked {
		return ""
	}
	return Mask
}

// Format prints the mask whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue logs the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON writes the mask, except for the copies that [Kind.Encode] seals
// and [Reveal] shows.
func (s Secret) MarshalJSON() ([]byte, error) {
	if s.state == secretSealed || s.state == secretShown {
		return json.Marshal(s.text)
	}
	return json.Marshal(s.String())
}

// UnmarshalJSON takes a string; the mask is remembered as such.
func (s *Secret) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	if text == Mask {
		*s = Secret{state: secretMasked}
		return nil
	}
	*s = Secret{text, secretSet}
	return nil
}
