package main

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/crypto/bcrypt"
)

// adminAuth is what stands before the Admin API: basic authentication, or nothing
// where only this machine can reach it.
func (c *common) adminAuth(log *slog.Logger) (func(http.Handler) http.Handler, error) {
	if c.AdminBasicAuthHash == nil {
		if !loopback(c.AdminAddr) && !c.InsecureAdmin {
			return nil, fmt.Errorf("--admin-addr %s can be reached from other machines, and the Admin API has no authentication: give --admin-basic-auth-hash, or --insecure-admin if something before it authenticates", c.AdminAddr)
		}
		log.Warn("the Admin API has no authentication: every program on this machine may use it; see --admin-basic-auth-hash")
		return func(next http.Handler) http.Handler { return next }, nil
	}
	user, hash, ok := strings.Cut(*c.AdminBasicAuthHash, ":")
	if !ok || user == "" {
		return nil, errors.New("--admin-basic-auth-hash: it must be a user name, a colon, and the output of agwd hash-password")
	}
	if _, err := bcrypt.Cost([]byte(hash)); err != nil {
		return nil, errors.New("--admin-basic-auth-hash: what follows the colon is no bcrypt hash: use the output of agwd hash-password, in single quotes")
	}
	b := &basicAuth{user: user, hash: []byte(hash)}
	_, _ = rand.Read(b.salt[:])
	return b.guard, nil
}

// basicAuth checks a user and a password. A password that was right is
// remembered as a salted digest, as bcrypt takes a tenth of a second; wrong ones
// go through bcrypt one after the other, so that guessing cannot take all cores.
type basicAuth struct {
	user string
	hash []byte
	salt [32]byte

	mu    sync.Mutex
	known [sha256.Size]byte
	any   bool
	slow  sync.Mutex
}

func (b *basicAuth) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		public := r.Method == http.MethodOptions || (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.URL.Path == "/admin/health"
		if !public && !b.ok(r) {
			h := w.Header()
			h.Set("WWW-Authenticate", `Basic realm="agent-gateway admin", charset="UTF-8"`)
			h.Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":"the Admin API needs a user name and a password: agwctl takes them from AGW_ADMIN_BASIC_AUTH"}` + "\n"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (b *basicAuth) ok(r *http.Request) bool {
	user, password, given := r.BasicAuth()
	if !given || len(password) > 72 { // bcrypt's own bound
		return false
	}
	right := subtle.ConstantTimeCompare([]byte(user), []byte(b.user)) == 1
	digest := sha256.Sum256(append(b.salt[:], password...))
	b.mu.Lock()
	known := b.any && subtle.ConstantTimeCompare(digest[:], b.known[:]) == 1
	b.mu.Unlock()
	if known {
		return right
	}
	b.slow.Lock()
	err := bcrypt.CompareHashAndPassword(b.hash, []byte(password))
	b.slow.Unlock()
	if err != nil {
		return false
	}
	b.mu.Lock()
	b.known, b.any = digest, true
	b.mu.Unlock()
	return right
}
