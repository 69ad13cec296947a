package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/agent-gateway/agent-gateway/configstore"
)

// masterKey is the key that seals the store's secrets: the environment's, or
// that of a file beside the database. The file is made together with the
// database and never for one that is there already, whose key it could not be.
func masterKey(database, fromEnv string) ([]byte, error) {
	if fromEnv != "" {
		if len(fromEnv) < configstore.MinMasterKey {
			return nil, fmt.Errorf("AGW_MASTER_KEY has %d characters; it needs at least %d: make one with `openssl rand -base64 32`", len(fromEnv), configstore.MinMasterKey)
		}
		return []byte(fromEnv), nil
	}
	file := filepath.Join(filepath.Dir(database), "master.key")
	key, err := readKey(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if info, err := os.Stat(database); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		return nil, fmt.Errorf("the store %s is there, but its key is not: restore %s, or give the key in AGW_MASTER_KEY", database, file)
	}
	if err := makeKey(file); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the master key: %w", err)
	}
	return readKey(file) // another process may have been first
}

func readKey(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("the master key: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("the master key %s can be read by everybody on this machine: chmod 600 %s", file, file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the master key: %w", err)
	}
	key := strings.TrimSpace(string(text))
	if len(key) < configstore.MinMasterKey {
		return nil, fmt.Errorf("the master key in %s has %d characters; it needs at least %d", file, len(key), configstore.MinMasterKey)
	}
	return []byte(key), nil
}

// makeKey writes a new key to a file that is not there. It is written under
// another name first, so that nobody reads half of it.
func makeKey(file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	tmp, err := os.CreateTemp(filepath.Dir(file), ".master.key-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.WriteString(base64.StdEncoding.EncodeToString(b) + "\n")
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Link(tmp.Name(), file) // fails when there is one
}
