package stdio

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var (
	inherited = []string{
		"PATH", "HOME", "USER", "LANG", "TMPDIR",
		"http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS",
	}
	inheritedPrefixes = []string{"LC_", "XDG_", "npm_config_"}
)

// Inherited says whether a child gets the variable of that name from the environment of
// the gateway. All others it gets only from its service: the gateway's hold keys.
func Inherited(name string) bool {
	return slices.Contains(inherited, name) ||
		slices.ContainsFunc(inheritedPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// environment is what a child gets of from, and own. It is never nil, which would stand
// for the whole environment.
func environment(from, own []string) ([]string, error) {
	env := make([]string, 0, len(own)+16)
	at := map[string]int{}
	set := func(name, pair string) {
		if i, ok := at[name]; ok {
			env[i] = pair
			return
		}
		at[name] = len(env)
		env = append(env, pair)
	}
	for _, pair := range from {
		if name, _, ok := strings.Cut(pair, "="); ok && Inherited(name) && !strings.Contains(pair, "\x00") {
			set(name, pair)
		}
	}
	for i, pair := range own {
		name, _, ok := strings.Cut(pair, "=")
		if !ok || name == "" || strings.Contains(pair, "\x00") { // which may be a secret, and is not quoted
			return nil, fmt.Errorf("env: entry %d is not NAME=value", i+1)
		}
		set(name, pair)
	}
	return env, nil
}

// find resolves a command as the child would: by the PATH of its environment, of which
// only absolute folders count. A command with a slash is a path.
func find(command string, env []string, dir string) (string, error) {
	if command == "" {
		return "", errors.New("no command is given")
	}
	if strings.ContainsRune(command, filepath.Separator) {
		at := command
		if !filepath.IsAbs(at) {
			at = filepath.Join(dir, at)
		}
		if !executable(at) {
			return "", fmt.Errorf("the command %q is not an executable file", command)
		}
		return filepath.Abs(at)
	}
	for _, pair := range env {
		list, ok := strings.CutPrefix(pair, "PATH=")
		if !ok {
			continue
		}
		for _, folder := range filepath.SplitList(list) {
			if at := filepath.Join(folder, command); filepath.IsAbs(folder) && executable(at) {
				return at, nil
			}
		}
	}
	return "", fmt.Errorf("the command %q is not in PATH", command)
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
