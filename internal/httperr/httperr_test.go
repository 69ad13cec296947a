package httperr

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQuotable(t *testing.T) {
	const secret = "hunter2"
	in := func(err error) error {
		return &url.Error{Op: "Get", URL: "https://user:" + secret + "@example.org", Err: fmt.Errorf("%s: %w", secret, err)}
	}
	for _, c := range []struct {
		err  error
		want string // empty: nothing
	}{
		{in(&net.OpError{Op: "dial", Net: "tcp", Err: errors.New("refused")}), "dial tcp: refused"},
		{in(tls.AlertError(40)), "tls: handshake failure"},
		{in(tls.RecordHeaderError{Msg: secret}), "the upstream does not speak TLS there"},
		{in(io.ErrUnexpectedEOF), "unexpected EOF"},
		{in(io.EOF), ""},
		{in(errors.New("malformed " + secret)), ""},
	} {
		got := Quotable(c.err, io.ErrUnexpectedEOF)
		if c.want == "" {
			require.NoError(t, got, c.err)
			continue
		}
		require.EqualError(t, got, c.want)
	}
}
