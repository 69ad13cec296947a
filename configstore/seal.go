package configstore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
)

// ErrWrongKey says that a sealed value does not open: another master key sealed
// it, or it was moved or changed.
var ErrWrongKey = errors.New("configstore: the master key does not open this value")

// MinMasterKey is the least length of a master key in bytes.
const MinMasterKey = 32

const sealPrefix = "sealed:v1:"

// Sealer seals secrets with AES-256-GCM, each bound to where it stands, and
// hashes virtual keys. Its keys are derived from one master key with HKDF. It is
// safe for concurrent use.
type Sealer struct {
	aead   cipher.AEAD
	hashes sync.Pool // of hash.Hash, keyed
}

// NewSealer derives a sealer from a master key of at least [MinMasterKey] bytes.
func NewSealer(master []byte) (*Sealer, error) {
	if len(master) < MinMasterKey {
		return nil, fmt.Errorf("configstore: the master key has %d bytes; it needs at least %d: make one with `openssl rand -base64 32`", len(master), MinMasterKey)
	}
	sealKey, err := hkdf.Key(sha256.New, master, nil, "agent-gateway seal v1", 32)
	if err != nil {
		return nil, fmt.Errorf("configstore: derive the sealing key: %w", err)
	}
	hashKey, err := hkdf.Key(sha256.New, master, nil, "agent-gateway virtual key v1", 32)
	if err != nil {
		return nil, fmt.Errorf("configstore: derive the lookup key: %w", err)
	}
	block, err := aes.NewCipher(sealKey)
	if err != nil {
		return nil, fmt.Errorf("configstore: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("configstore: %w", err)
	}
	return &Sealer{aead: aead, hashes: sync.Pool{New: func() any { return hmac.New(sha256.New, hashKey) }}}, nil
}

// NewEphemeralSealer returns a sealer with a random key that is never stored.
func NewEphemeralSealer() *Sealer {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: crypto/rand aborts the process instead
	s, err := NewSealer(key)
	if err != nil { // the key has the right length
		panic(err)
	}
	return s
}

// Seal encrypts plain for one place, which where names.
func (s *Sealer) Seal(where, plain string) string {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	_, _ = rand.Read(nonce)
	return sealPrefix + base64.RawStdEncoding.EncodeToString(s.aead.Seal(nonce, nonce, []byte(plain), []byte(where)))
}

// Open decrypts what Seal made for the same place.
func (s *Sealer) Open(where, sealed string) (string, error) {
	text, ok := strings.CutPrefix(sealed, sealPrefix)
	if !ok {
		return "", fmt.Errorf("%w: it is not sealed", ErrWrongKey)
	}
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(b) < s.aead.NonceSize() {
		return "", fmt.Errorf("%w: it is damaged", ErrWrongKey)
	}
	n := s.aead.NonceSize()
	plain, err := s.aead.Open(nil, b[:n], b[n:], []byte(where))
	if err != nil {
		return "", ErrWrongKey
	}
	return string(plain), nil
}

// KeyHash is what a virtual key is looked up by: HMAC-SHA256 under a derived
// key, so that neither a stolen file nor timing tells anything of the keys.
func (s *Sealer) KeyHash(key string) (sum [sha256.Size]byte) {
	h := s.hashes.Get().(hash.Hash)
	h.Reset()
	_, _ = h.Write([]byte(key))
	h.Sum(sum[:0])
	s.hashes.Put(h)
	return sum
}

func place(kind, id, field string) string {
	// Lengths keep ("a", "b:c") and ("a:b", "c") apart.
	return fmt.Sprintf("%d:%s:%d:%s:%s", len(kind), kind, len(id), id, field)
}

// Encode returns o as a record keeps it: without Meta, secrets sealed.
func (k Kind) Encode(o Object, s *Sealer) ([]byte, error) {
	c := Clone(o)
	Secrets(c, func(path string, sec *Secret) {
		if plain := sec.Reveal(); plain != "" {
			*sec = Secret{s.Seal(place(k.Name, o.ObjectID(), path), plain), secretSealed}
		} else {
			*sec = Secret{}
		}
	})
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("configstore: encode %s %s: %w", k.Name, o.ObjectID(), err)
	}
	return b, nil
}

// Decode reads a record back.
func (k Kind) Decode(r Record, s *Sealer) (Object, error) {
	o := k.New()
	if err := json.Unmarshal(r.Data, o); err != nil {
		return nil, fmt.Errorf("configstore: decode %s %s: %w", r.Kind, r.ID, err)
	}
	SetMeta(o, nil)
	var fail error
	Secrets(o, func(path string, sec *Secret) {
		if sec.text == "" {
			*sec = Secret{}
			return
		}
		plain, err := s.Open(place(k.Name, r.ID, path), sec.text)
		if err != nil && fail == nil {
			fail = fmt.Errorf("configstore: %s %s: %s: %w", r.Kind, r.ID, path, err)
		}
		*sec = NewSecret(plain)
	})
	if fail != nil {
		return nil, fail
	}
	return o, nil
}
