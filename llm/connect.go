package llm

import (
	"context"
	"time"
)

type connectTimeout struct{}

// WithConnectTimeout asks providers to give up when a connection to the upstream is
// not made in time. Connections that are there already are used as ever.
func WithConnectTimeout(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, connectTimeout{}, d)
}

// ConnectTimeout is what [WithConnectTimeout] set; 0 for nothing.
func ConnectTimeout(ctx context.Context) time.Duration {
	d, _ := ctx.Value(connectTimeout{}).(time.Duration)
	return d
}
