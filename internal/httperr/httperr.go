// Package httperr says of the errors of HTTP clients what may be said: net/http's own may
// hold header lines, addresses with passwords in them, and text of an answer.
package httperr

import (
	"crypto/tls"
	"errors"
	"net"
)

// Quotable returns the part of err that quotes nothing of an exchange: of a failed
// connection or TLS, or one of known; nil when there is none.
func Quotable(err error, known ...error) error {
	var (
		op          *net.OpError
		certificate *tls.CertificateVerificationError
		alert       tls.AlertError
		record      tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &op):
		return op
	case errors.As(err, &certificate):
		return certificate
	case errors.As(err, &alert):
		return alert
	case errors.As(err, &record):
		return errors.New("the upstream does not speak TLS there")
	}
	for _, k := range known {
		if errors.Is(err, k) {
			return k
		}
	}
	return nil
}
