// Command fakeupstream serves an [llmtest.Upstream] to tests in other processes.
// It listens on loopback, prints its URL as its only line, and ends when its
// standard input does, so that it never outlives the test that started it.
//
//	GET  /_requests            the latest requests, oldest first; body is base64
//	GET  /_state               {count, in_flight, canceled, open_conns}
//	GET  /_canceled?within=1s  204 when a caller has broken off a request, else 504
//	POST /_reset
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/agent-gateway/agent-gateway/llm/llmtest"
)

func main() {
	key := flag.String("key", "", "the key that callers must present; empty accepts everybody")
	flag.Parse()
	if err := run(*key, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fakeupstream:", err)
		os.Exit(1)
	}
}

func run(key string, stdin io.Reader, stdout io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	up := &llmtest.Upstream{Key: key}
	srv := &http.Server{Handler: handler(up), ConnState: up.ConnState}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	if _, err := fmt.Fprintf(stdout, "http://%s\n", l.Addr()); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		close(ended)
	}()
	select {
	case err := <-failed:
		return err
	case <-ended:
	}
	up.Close()
	return srv.Close()
}

func handler(up *llmtest.Upstream) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", up)
	mux.HandleFunc("GET /_requests", func(w http.ResponseWriter, _ *http.Request) { answer(w, up.Requests()) })
	mux.HandleFunc("GET /_state", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]int{"count": up.Count(), "in_flight": up.InFlight(), "canceled": up.Canceled(), "open_conns": up.OpenConns()})
	})
	mux.HandleFunc("POST /_reset", func(w http.ResponseWriter, _ *http.Request) {
		up.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_canceled", func(w http.ResponseWriter, r *http.Request) {
		within, err := time.ParseDuration(r.URL.Query().Get("within"))
		if err != nil {
			http.Error(w, "within: "+err.Error(), http.StatusBadRequest)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), within)
		defer cancel()
		if err := up.WaitCanceled(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusGatewayTimeout)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
