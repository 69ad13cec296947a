package models_test

import (
	"fmt"
	"time"

	"github.com/agent-gateway/agent-gateway/llm"
	"github.com/agent-gateway/agent-gateway/llm/models"
)

func Example() {
	in, out := 0.5, 1.5
	catalog, err := models.Embedded().With(models.Override{Model: "my-model", InputPerMTok: &in, OutputPerMTok: &out})
	if err != nil {
		fmt.Println(err)
		return
	}
	u := llm.Usage{Input: llm.Known(2000), Output: llm.Known(1000)}
	for _, model := range []string{"my-model", "claude-sonnet-4-6", "somebody-elses"} {
		info := catalog.Find(models.Query{ProviderType: "anthropic", Model: model})
		nano, known := info.Price.Cost(u, time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC))
		fmt.Println(model, nano, known)
	}
	// Output:
	// my-model 2500000 true
	// claude-sonnet-4-6 21000000 true
	// somebody-elses 0 false
}
