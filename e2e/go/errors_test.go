package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"
	"github.com/stretchr/testify/require"
)

// dialect is one SDK, for tests that say the same of both.
type dialect struct {
	name   string
	ask    func(ctx context.Context, prefix, key, text string, retries int) error
	stream func(ctx context.Context, text string, each func(n int)) error
	// overloaded are the statuses that an overloaded upstream may become.
	overloaded []int
}

var dialects = []dialect{
	{
		name: "openai",
		ask: func(ctx context.Context, prefix, key, text string, retries int) error {
			client := newOpenAI(prefix, key)
			_, err := client.Chat.Completions.New(ctx, chat(text), openaioption.WithMaxRetries(retries))
			return err
		},
		stream: func(ctx context.Context, text string, each func(int)) error {
			client := newOpenAI("", stack.key)
			stream := client.Chat.Completions.NewStreaming(ctx, chat(text))
			defer func() { _ = stream.Close() }()
			for n := 1; stream.Next(); n++ {
				each(n)
			}
			return stream.Err()
		},
		overloaded: []int{503, 529},
	},
	{
		name: "anthropic",
		ask: func(ctx context.Context, prefix, key, text string, retries int) error {
			client := newAnthropic(prefix, key)
			_, err := client.Messages.New(ctx, message(text), anthropicoption.WithMaxRetries(retries))
			return err
		},
		stream: func(ctx context.Context, text string, each func(int)) error {
			client := newAnthropic("", stack.key)
			stream := client.Messages.NewStreaming(ctx, message(text))
			defer func() { _ = stream.Close() }()
			for n := 1; stream.Next(); n++ {
				each(n)
			}
			return stream.Err()
		},
		overloaded: []int{529, 503},
	},
}

func fault(spec string) string { return "hello [[fault:" + spec + "]]" }

func nothing(int) {}

func TestErrors(t *testing.T) {
	for _, d := range dialects {
		for _, code := range []int{400, 404, 409, 413, 422, 429, 500} {
			t.Run(fmt.Sprint(d.name, code), func(t *testing.T) {
				ctx := begin(t)
				spec := fault(fmt.Sprintf("status=%d,retry_after=1", code))
				err := d.ask(ctx, "", stack.key, spec, 0)
				require.Equal(t, code, status(t, err))
				require.NotEmpty(t, errorType(err), err)
				require.Equal(t, code, status(t, d.stream(ctx, spec, nothing)))
				if code == 429 {
					require.Equal(t, "1", retryAfter(err))
				}
			})
		}
		t.Run(d.name+" overloaded", func(t *testing.T) {
			ctx := begin(t)
			for _, code := range []int{503, 529} {
				require.Contains(t, d.overloaded, status(t, d.ask(ctx, "", stack.key, fault(fmt.Sprintf("status=%d", code)), 0)))
			}
		})
	}
}

// errorType is the type in the error's envelope.
func errorType(err error) string {
	var o *openai.Error
	if errors.As(err, &o) {
		return o.Type
	}
	var a *anthropic.Error
	if errors.As(err, &a) {
		return string(a.Type())
	}
	return ""
}

func retryAfter(err error) string {
	var o *openai.Error
	if errors.As(err, &o) {
		return o.Response.Header.Get("Retry-After")
	}
	var a *anthropic.Error
	if errors.As(err, &a) {
		return a.Response.Header.Get("Retry-After")
	}
	return ""
}

func TestBrokenStreams(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			ctx := begin(t)
			for _, spec := range []string{"break=after_headers", "break=cut,after=3", "break=mid_event,after=3", "break=mid_rune,after=1"} {
				require.Error(t, d.stream(ctx, fault(spec), nothing), spec)
			}
			err := d.stream(ctx, fault("break=error,after=3,message=boom"), nothing)
			require.ErrorContains(t, err, "boom")
			require.Error(t, d.ask(ctx, "", stack.key, fault("break=mid_event"), 0))
			if !direct { // these SDKs take any end for a good one: the gateway must say it
				require.Error(t, d.stream(ctx, fault("break=end,after=3"), nothing))
				require.Equal(t, 502, status(t, d.ask(ctx, "", stack.key, fault("break=before_headers"), 0)))
			}
		})
	}
}

func TestCancel(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(begin(t))
			err := d.stream(ctx, fault("break=stall,after=4"), func(n int) {
				if n == 1 {
					cancel()
				}
			})
			require.ErrorIs(t, err, context.Canceled)
			canceled(t)

			ctx, cancel = context.WithCancel(t.Context())
			result := make(chan error, 1)
			go func() { result <- d.ask(ctx, "", stack.key, fault("delay=1h"), 0) }()
			require.NoError(t, stack.up.WaitCount(t.Context(), 2))
			cancel()
			require.ErrorIs(t, <-result, context.Canceled)
			canceled(t)
		})
	}
}

func TestRetryAsTold(t *testing.T) {
	for _, d := range dialects {
		ctx := begin(t)
		require.NoError(t, d.ask(ctx, "", stack.key, fault("status=429,header=retry-after-ms:5,times=1,id="+d.name), 2))
		require.Equal(t, 2, stack.up.Count())
	}
}

func TestKeys(t *testing.T) {
	if direct {
		return
	}
	for _, d := range dialects {
		ctx := begin(t)
		err := d.ask(ctx, "", "vk-not-a-key-of-anybody", "hello", 0)
		require.Equal(t, 401, status(t, err))
		require.NotEmpty(t, errorType(err))
		require.Equal(t, 403, status(t, d.ask(ctx, "", elsewhereKey, "hello", 0)))
		require.Zero(t, stack.up.Count())
		require.Equal(t, 502, status(t, d.ask(ctx, "/badkey", stack.key, "hello", 0)))
	}
}

func TestUnknownModel(t *testing.T) {
	ctx := begin(t)
	openAI, anthropicClient := newOpenAI("", stack.key), newAnthropic("", stack.key)
	c, m := chat("hello"), message("hello")
	c.Model, m.Model = "no-such-model", "no-such-model"
	_, err := openAI.Chat.Completions.New(ctx, c)
	require.Equal(t, 404, status(t, err))
	_, err = anthropicClient.Messages.New(ctx, m)
	require.Equal(t, 404, status(t, err))
}
