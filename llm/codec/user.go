package codec

import (
	"crypto/sha256"
	"encoding/hex"
)

// maxUser is what OpenAI takes for the caller's end user.
const maxUser = 64

// ShortUser is an end user's id as OpenAI takes it: one that is too long, as Claude
// Code's is, becomes its hash, by which the provider still knows the user again.
func ShortUser(id string) string {
	if len(id) <= maxUser {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}
